"""Clips: the contract between models and everything else, the one crop, augmentation."""

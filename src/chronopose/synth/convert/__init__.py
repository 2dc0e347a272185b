"""Builds the folder of assets from MakeHuman files, motion capture and panoramas (docs/assets.md)."""

"""The models by name."""

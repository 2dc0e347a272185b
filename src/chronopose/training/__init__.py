"""The training loop, its configuration, optimiser and log."""

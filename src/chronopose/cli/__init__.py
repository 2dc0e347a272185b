"""The command line, one file per verb; the only floor that prints."""

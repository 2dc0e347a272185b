"""Pose files of the field, each read and written."""

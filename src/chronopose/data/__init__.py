"""Data sets: folders as their owners distribute them, and people drawn by code."""

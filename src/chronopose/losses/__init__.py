"""Losses; a loss may own parameters, which are never exported."""

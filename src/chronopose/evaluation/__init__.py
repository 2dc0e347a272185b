"""Scores: models on data sets, poses of videos against their truth, and the field's official figures."""

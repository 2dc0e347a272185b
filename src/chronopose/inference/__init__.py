"""Clips to poses and video to poses, one road for files, streams and evaluation."""

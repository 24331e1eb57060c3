"""Scoring of live frames: the three pieces that judge files, for many cameras at once."""

"""Cameras: opening, pacing, reconnecting; one process each."""

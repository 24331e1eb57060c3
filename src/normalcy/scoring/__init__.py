"""Frames become calibrated, causal scores and events."""

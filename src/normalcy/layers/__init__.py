"""Reusable torch blocks."""

"""Fitting a method."""

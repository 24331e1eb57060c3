"""Benchmarks and your own folders become labelled videos."""

"""Fitting spread over the workers of an engine: memories of parts that are merged, and what a backbone sees."""

"""Whole commands: from a bundle or nothing to files that a person looks at."""

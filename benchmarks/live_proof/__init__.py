"""Proof that the live engine survives: it runs as users run it, is broken in every way we know, and all is counted."""

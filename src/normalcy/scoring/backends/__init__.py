"""Exported methods as scoring models, without torch."""

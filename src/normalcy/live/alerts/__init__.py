"""Alerts: what leaves the house, from a table that outlives every process."""

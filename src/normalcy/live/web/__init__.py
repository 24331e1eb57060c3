"""The dashboard and its API."""

"""The normalcy command."""

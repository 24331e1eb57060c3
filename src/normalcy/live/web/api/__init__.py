"""The API under /api/v1: JSON for programs, and the stream that open pages follow."""

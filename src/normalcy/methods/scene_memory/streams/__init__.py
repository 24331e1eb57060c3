"""The streams of scene memory: each watches one thing."""

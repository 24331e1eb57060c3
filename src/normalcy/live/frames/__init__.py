"""Shared memory between the processes: frames of a camera, and what is known of it."""

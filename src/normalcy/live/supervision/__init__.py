"""The supervisor: starts, watches, restarts and stops all processes, and answers the dashboard."""

"""Scene memory, a method of this project: see `method.py`."""

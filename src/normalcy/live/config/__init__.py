"""The configuration of the live engine: strict YAML, one file a section."""

"""How the tables came to be what they are, a step a version: each file makes one from the version before."""

"""Several engines on one database: which of them watches which camera."""

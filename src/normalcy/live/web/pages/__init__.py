"""Pages for people, one module a view."""

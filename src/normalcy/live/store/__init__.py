"""The event store: SQLAlchemy models, migrations, retention."""

"""Inserting a row where none is: both databases mean the same by it, but SQLAlchemy has no common word."""

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from normalcy.live.store.models import Base


def insert_into(session: Session, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """An insertion that takes `on_conflict_do_nothing` and `on_conflict_do_update`."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    return sqlite.insert(table) if is_sqlite else postgresql.insert(table)

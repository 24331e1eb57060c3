"""What cameras usually show, kept for the engine that comes next."""

from collections.abc import Collection
from dataclasses import asdict

from sqlalchemy import select
from sqlalchemy.orm import Session

from normalcy.live.store.models import ViewRow
from normalcy.live.store.records import ViewRecord


def save_view(session: Session, view: ViewRecord) -> None:
    """Stores it in the place of what the camera showed before."""
    session.merge(ViewRow(**asdict(view)))
    session.flush()


def read_views(session: Session, *, cameras: Collection[str] | None = None) -> dict[str, ViewRecord]:
    """Of all cameras that there ever were, by name; of some only where they are named."""
    query = select(ViewRow) if cameras is None else select(ViewRow).where(ViewRow.camera.in_(cameras))
    return {row.camera: _record(row) for row in session.scalars(query)}


def _record(row: ViewRow) -> ViewRecord:
    return ViewRecord(
        row.camera, row.source, row.detector, row.picture, row.level_factor, row.level_usual, row.seen_at
    )

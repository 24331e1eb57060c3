"""When cameras changed their states."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from normalcy.live.cameras.state import CameraState
from normalcy.live.store.models import CameraStateRow


@dataclass(frozen=True)
class StateChange:
    """A camera came into a state at a time (seconds since 1970), for a reason."""

    state: CameraState
    reason: str
    at: float


def record_state(session: Session, camera: str, state: CameraState, reason: str, at: float) -> None:
    """Stores that a camera changed its state; the reason holds no credentials."""
    session.add(CameraStateRow(camera=camera, state=state.name.lower(), reason=reason, at=at))
    session.flush()


def state_history(session: Session, camera: str, since: float) -> list[StateChange]:
    """How a camera's state changed since a time, in order, and the change before, which held then."""
    mine = select(CameraStateRow).where(CameraStateRow.camera == camera)
    order = (CameraStateRow.at, CameraStateRow.id)
    before = mine.where(CameraStateRow.at < since).order_by(*(each.desc() for each in order)).limit(1)
    after = mine.where(CameraStateRow.at >= since).order_by(*order)
    rows = [*session.scalars(before), *session.scalars(after)]
    return [StateChange(CameraState[row.state.upper()], row.reason, row.at) for row in rows]

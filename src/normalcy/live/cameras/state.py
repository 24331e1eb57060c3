"""The life of a camera, as a table.

DISABLED ---enabled---> CONNECTING --first frame--> ONLINE --silent--> STALLED --gone, or silent too long--+
    ^                      |  ^                       |                   |  |                              |
    +----from anywhere-----+  |                       +--connection lost--+->|--frames again--> ONLINE      |
                           |  +---waited----- OFFLINE <------------------------------------------------------+
                           +--no answer---------^ |
                           +--never will work-----+--> FAILED --configured anew--> CONNECTING
"""

from enum import IntEnum

from normalcy.errors import NormalcyError


class CameraState(IntEnum):
    """Where a camera stands. The numbers are what shared memory holds.

    CONNECTING: it is being opened, and has sent nothing yet.
    ONLINE: frames come.
    STALLED: it is open, but frames have not come for a while.
    OFFLINE: it could not be opened or broke off; the next attempt is waited for.
    DISABLED: nobody asked for it.
    FAILED: trying again is of no use: a file that is not there, or a process that died too often.
    """

    CONNECTING = 0
    ONLINE = 1
    STALLED = 2
    OFFLINE = 3
    DISABLED = 4
    FAILED = 5


TRANSITIONS: dict[CameraState, frozenset[CameraState]] = {
    CameraState.CONNECTING: frozenset(
        {CameraState.ONLINE, CameraState.OFFLINE, CameraState.FAILED, CameraState.DISABLED}
    ),
    CameraState.ONLINE: frozenset(
        {CameraState.STALLED, CameraState.OFFLINE, CameraState.FAILED, CameraState.DISABLED}
    ),
    CameraState.STALLED: frozenset(
        {CameraState.ONLINE, CameraState.OFFLINE, CameraState.FAILED, CameraState.DISABLED}
    ),
    CameraState.OFFLINE: frozenset({CameraState.CONNECTING, CameraState.FAILED, CameraState.DISABLED}),
    CameraState.DISABLED: frozenset({CameraState.CONNECTING}),
    CameraState.FAILED: frozenset({CameraState.CONNECTING, CameraState.DISABLED}),
}


class ImpossibleTransition(NormalcyError):
    """A camera was to go where no arrow leads: a defect of the engine."""


def require_transition(before: CameraState, after: CameraState) -> None:
    """Checks that an arrow leads from one state to the other.

    Raises:
        ImpossibleTransition: None does.
    """
    if after not in TRANSITIONS[before]:
        raise ImpossibleTransition(
            f"a camera that is {before.name.lower()} cannot become {after.name.lower()}"
        )

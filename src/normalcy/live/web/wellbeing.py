"""What is not as it should be, in words: the one place that may say that everything runs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from normalcy.live.status import CameraStatus, NodeStatus
from normalcy.live.web.words import shown_state

_TROUBLES: Final = {
    "offline": "offline",
    "stalled": "frozen",
    "failed": "not working",
    "not_scored": "not scored",
}


def troubles(
    cameras: Sequence[CameraStatus],
    messages: Mapping[str, int],
    *,
    ready: bool,
    database: str,
    notes: int,
    nodes: Sequence[NodeStatus] = (),
) -> Iterator[str]:
    """A sentence for each; none where everything runs.

    Args:
        cameras: As they are now.
        messages: By state.
        ready: Whether the engine says that its processes run.
        database: `ok`, or why it does not answer.
        notes: How many things a person should look at; each is shown by itself.
        nodes: Engines that share the database.
    """
    if not ready:
        yield "Something does not run as it should."
    if database != "ok":
        yield f"The database does not answer: {database}"
    for key, words in _TROUBLES.items():
        if names := [each.title for each in cameras if shown_state(each) == key]:
            yield f"{', '.join(names)}: {words}."
    if silent := [each.name for each in nodes if each.state == "silent"]:
        yield f"Not heard: {', '.join(silent)}. Its cameras go to other nodes."
    if dead := messages.get("dead", 0):
        yield f"{dead} {'message was' if dead == 1 else 'messages were'} given up: see Alerts."
    if notes:
        yield "There is something to look at."

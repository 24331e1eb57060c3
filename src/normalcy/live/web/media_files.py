"""Snapshots, heat maps and clips of events."""

import re
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

from normalcy.live.store.events import find_event
from normalcy.live.store.records import EventRecord
from normalcy.live.web.dashboard import Board, Dashboard

router = APIRouter(tags=["events"])

MEDIA_TYPES: Final = {"snapshot.jpg": "image/jpeg", "heatmap.jpg": "image/jpeg", "clip.mp4": "video/mp4"}
_EVENT_ID: Final = re.compile(r"[0-9a-f]{32}")


@router.get(
    "/api/v1/events/{event_id}/media/{file}", response_class=FileResponse, summary="A picture or the clip"
)
def media_file(board: Board, event_id: str, file: str) -> FileResponse:
    """`snapshot.jpg`, `heatmap.jpg` or `clip.mp4` of an event; parts of it by a Range header."""
    path = media_path(board.media, event_or_404(board, event_id), file)
    if path is None:
        raise HTTPException(404, "There is no such file.")
    # For going back and forth between events; what shows people is kept by nobody but this browser.
    headers = {"cache-control": "private, max-age=60"}
    return FileResponse(path, media_type=MEDIA_TYPES[file], headers=headers)


def event_or_404(board: Dashboard, event_id: str) -> EventRecord:
    """An event by its id; answers 404 where there is none."""
    if _EVENT_ID.fullmatch(event_id):
        with board.store.reading() as session:
            if event := find_event(session, event_id):
                return event
    raise HTTPException(404, "There is no such event; it may have been deleted for its age.")


def media_path(media: Path, event: EventRecord, file: str) -> Path | None:
    """Where a file of an event lies; None where there is none, or its name is none of an event's."""
    if not event.media or file not in MEDIA_TYPES:
        return None
    path = (media / event.media / file).resolve()
    # What the database says of folders is not trusted either.
    return path if path.is_relative_to(media.resolve()) and path.is_file() else None


def media_names(media: Path, event: EventRecord) -> list[str]:
    """Files that an event has."""
    return [file for file in MEDIA_TYPES if media_path(media, event, file)]

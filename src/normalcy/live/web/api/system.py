"""Health, the stream, who asks, and what this API is."""

import shutil
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import StreamingResponse

from normalcy.live.web.dashboard import Board
from normalcy.live.web.guard.access import Someone
from normalcy.live.web.hub import HubFull
from normalcy.live.web.probes import alert_counts
from normalcy.live.web.schemas import DiskOut, HealthOut, MeOut, NoteOut, StageOut
from normalcy.live.web.shown import shown_notes, shown_stages

router = APIRouter(tags=["system"])


@router.get("/api/v1/health")
def get_health(board: Board) -> HealthOut:
    """Whether everything that should run does."""
    counts, database = alert_counts(board)
    return HealthOut(
        ready=board.engine.is_ready and database == "ok",
        database=database,
        notes=[NoteOut(topic=each.topic, text=each.text, at=each.at) for each in shown_notes(board.engine)],
        stages=[StageOut.of(stage) for stage in shown_stages(board.engine)],
        alerts=counts,
        disk=disk(board.media),
    )


def disk(folder: Path) -> DiskOut | None:
    """The disk of a folder; None where that is not there yet."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return DiskOut(free_bytes=usage.free, total_bytes=usage.total)


@router.get("/api/v1/me")
def get_me(identity: Someone) -> MeOut:
    """Who asks."""
    return MeOut(name=identity.name, role=identity.role, csrf=identity.csrf)


@router.get("/api/v1/stream", response_class=StreamingResponse)
async def get_stream(board: Board) -> StreamingResponse:
    """Server-sent events: `cameras` (all of them, about once a second) and `event` (one that changed)."""
    try:
        messages = board.hub.listen()
    except HubFull as error:
        raise HTTPException(503, "Too many pages are open.", headers={"Retry-After": "10"}) from error
    return StreamingResponse(messages, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


@router.get("/openapi.json", include_in_schema=False)
def get_openapi(request: Request) -> dict[str, Any]:
    """This API as OpenAPI."""
    schema: dict[str, Any] = request.app.openapi()
    return schema

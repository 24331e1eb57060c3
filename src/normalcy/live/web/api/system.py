"""Health, the stream, who asks, and what this API is."""

import shutil
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from normalcy.live.web.dashboard import Board
from normalcy.live.web.guard.access import Someone
from normalcy.live.web.hub import HubFull
from normalcy.live.web.probes import alert_counts
from normalcy.live.web.schemas import DiskOut, HealthOut, MeOut, NodeOut, NoteOut, StageOut
from normalcy.live.web.shown import shown_cameras, shown_notes, shown_stages
from normalcy.live.web.wellbeing import troubles

router = APIRouter(tags=["system"])


@router.get("/api/v1/health")
def get_health(board: Board) -> HealthOut:
    """Whether everything that should run does."""
    counts, database = alert_counts(board)
    notes, ready = shown_notes(board.engine), board.engine.is_ready
    return HealthOut(
        ready=ready and database == "ok",
        problems=list(
            troubles(
                shown_cameras(board.engine),
                counts,
                ready=ready,
                database=database,
                notes=len(notes),
                nodes=board.engine.nodes(),
            )
        ),
        database=database,
        notes=[NoteOut.of(each) for each in notes],
        stages=[StageOut.of(stage) for stage in shown_stages(board.engine)],
        alerts=counts,
        disk=disk(board.media),
    )


@router.get("/api/v1/nodes")
def get_nodes(board: Board) -> list[NodeOut]:
    """All engines that share the database; none where there is only this one."""
    return [NodeOut.of(node) for node in board.engine.nodes()]


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
async def get_stream(request: Request, board: Board, identity: Someone) -> StreamingResponse:
    """Server-sent events.

    `cameras` (all of them) and `health` (`ready`, `notes`) come about once a second, `event` where one changed.
    """

    async def is_welcome() -> bool:
        now = await run_in_threadpool(board.identities.of, request)
        return now is not None and (now.name, now.role) == (identity.name, identity.role)

    try:
        messages = board.hub.listen(is_welcome)
    except HubFull as error:
        raise HTTPException(503, "Too many pages are open.", headers={"Retry-After": "10"}) from error
    return StreamingResponse(messages, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


@router.get("/openapi.json", include_in_schema=False)
def get_openapi(request: Request) -> dict[str, Any]:
    """This API as OpenAPI."""
    schema: dict[str, Any] = request.app.openapi()
    return schema

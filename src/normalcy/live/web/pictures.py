"""Live pictures: of all cameras that a page shows in one answer, since browsers keep few connections to a host."""

import json
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Response

from normalcy.live.web.dashboard import Board

router = APIRouter()

MOST_CAMERAS = 64


@router.get("/pictures", response_class=Response, include_in_schema=False)
def pictures(
    board: Board,
    camera: Annotated[list[str], Query(max_length=MOST_CAMERAS)],
    has: Annotated[list[str], Query(default_factory=list, max_length=MOST_CAMERAS)],
    *,
    heat: bool = False,
) -> Response:
    """The newest picture of each camera, but for those that the page `has` (`NAME.TAG`).

    A line of JSON, [name, bytes, tag] for each, then the JPEGs one after another.
    """
    known = board.engine.config.cameras
    shots = {name: board.gallery.newest(name, heat=heat) for name in dict.fromkeys(camera) if name in known}
    new = {name: shot for name, shot in shots.items() if shot.jpeg and f"{name}.{shot.tag}" not in has}
    head = json.dumps([[name, len(shot.jpeg or b""), shot.tag] for name, shot in new.items()]).encode()
    body = b"".join(shot.jpeg or b"" for shot in new.values())
    return Response(b"\n".join((head, body)), media_type="application/octet-stream")


@router.get(
    "/api/v1/cameras/{name}/picture.jpg",
    tags=["cameras"],
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}},
)
def picture(board: Board, name: str, *, heat: bool = False) -> Response:
    """The newest picture of a camera as JPEG, with the heat map where asked for."""
    board.camera(name)
    shot = board.gallery.newest(name, heat=heat)
    if shot.jpeg is None:
        raise HTTPException(404, "There is no picture yet.")
    return Response(shot.jpeg, media_type="image/jpeg")

"""Live pictures: of all cameras that a page shows in one answer, since browsers keep few connections to a host."""

import json
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Response

from normalcy.live.web.dashboard import Board

router = APIRouter()

MOST_CAMERAS = 64


@router.get("/pictures", response_class=Response, include_in_schema=False)
def pictures(
    board: Board, camera: Annotated[list[str], Query(max_length=MOST_CAMERAS)], *, heat: bool = False
) -> Response:
    """The newest picture of each camera: a line of JSON, [name, bytes] for each, then the JPEGs one after another."""
    known = board.engine.config.cameras
    found = {name: board.engine.picture(name, heat=heat) for name in dict.fromkeys(camera) if name in known}
    jpegs = {name: jpeg for name, jpeg in found.items() if jpeg}
    head = json.dumps([[name, len(jpeg)] for name, jpeg in jpegs.items()]).encode()
    return Response(b"\n".join((head, b"".join(jpegs.values()))), media_type="application/octet-stream")


@router.get(
    "/api/v1/cameras/{name}/picture.jpg",
    tags=["cameras"],
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}},
)
def picture(board: Board, name: str, *, heat: bool = False) -> Response:
    """The newest picture of a camera as JPEG, with the heat map where asked for."""
    board.camera(name)
    jpeg = board.engine.picture(name, heat=heat)
    if jpeg is None:
        raise HTTPException(404, "There is no picture yet.")
    return Response(jpeg, media_type="image/jpeg")

"""Cameras: how they stand, their scores, thresholds and regions."""

import math
import time
from typing import Annotated

from fastapi import APIRouter, Query

from normalcy.live.config.regions import RegionConfig
from normalcy.live.store.scores import downsample_max, read_scores
from normalcy.live.web.changes import save_rate, save_regions
from normalcy.live.web.dashboard import Board
from normalcy.live.web.guard.access import AdminOnly
from normalcy.live.web.schemas import CalibrationIn, CalibrationOut, CameraOut, ScoresOut
from normalcy.live.web.shown import shown_cameras

router = APIRouter(prefix="/api/v1/cameras", tags=["cameras"])

MOST_SPAN_SECONDS = 31 * 86400.0


@router.get("")
def list_cameras(board: Board) -> list[CameraOut]:
    """All cameras, in the order of the configuration."""
    return [CameraOut.of(status) for status in shown_cameras(board.engine)]


@router.get("/{name}")
def get_camera(board: Board, name: str) -> CameraOut:
    """One camera."""
    return CameraOut.of(board.camera(name))


@router.get("/{name}/scores")
def get_scores(
    board: Board,
    name: str,
    since: float | None = None,
    until: float | None = None,
    points: Annotated[int, Query(ge=10, le=5000)] = 1000,
    region: str | None = None,
) -> ScoresOut:
    """The highest scores of a span, the last hour by default; times are seconds since 1970.

    Of one watched area; of the camera's first without, which is the whole picture where it has none.
    """
    board.camera(name)
    if region is None:
        region = board.engine.config.cameras[name].alarming_regions[0]
    until = time.time() if until is None else until
    since = until - 3600 if since is None else max(since, until - MOST_SPAN_SECONDS)
    with board.store.reading() as session:
        found = read_scores(session, name, since, until, region)
    at_N, score_N, threshold_N = downsample_max(*found, most=points)
    return ScoresOut(
        at=at_N.tolist(), score=_or_null(score_N.tolist()), threshold=_or_null(threshold_N.tolist())
    )


def _or_null(values: list[float]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values]


@router.get("/{name}/calibration")
def get_calibration(board: Board, name: str, region: str | None = None) -> CalibrationOut:
    """The threshold of a watched area, and what other rates would have meant.

    Without a word of the area that of the first which the camera's own rate holds for.
    """
    board.camera(name)
    return CalibrationOut.of(board.engine.calibration(name, region))


@router.put("/{name}/calibration", dependencies=[AdminOnly])
def put_calibration(
    board: Board, name: str, wanted: CalibrationIn, region: str | None = None
) -> CalibrationOut:
    """Sets the rate at which it may alarm on normal video: of an area that has a rate of its own, or of the camera."""
    board.camera(name)
    save_rate(board.engine, name, region or "", wanted.false_alarms_per_day)
    return CalibrationOut.of(board.engine.calibration(name, region))


@router.get("/{name}/regions")
def get_regions(board: Board, name: str) -> list[RegionConfig]:
    """Areas to watch and to ignore."""
    board.camera(name)
    return list(board.engine.config.cameras[name].regions)


@router.put("/{name}/regions", dependencies=[AdminOnly])
def put_regions(board: Board, name: str, regions: list[RegionConfig]) -> list[RegionConfig]:
    """Replaces all areas."""
    board.camera(name)
    plain = [region.model_dump(mode="json", exclude_defaults=True) for region in regions]
    save_regions(board.engine, name, plain)
    return list(board.engine.config.cameras[name].regions)

"""How often a camera may alarm without a cause, and what other settings would have meant."""

import math
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from normalcy.errors import NormalcyError
from normalcy.live.config.secrets import safe_text
from normalcy.live.status import CalibrationView, Engine
from normalcy.live.web.changes import fixed_threshold, has_own_rate, save_rate
from normalcy.live.web.dashboard import Board
from normalcy.live.web.guard.access import AdminOnly
from normalcy.live.web.rate_graph import RateGraph
from normalcy.live.web.templating import is_part, render

router = APIRouter(prefix="/sensitivity", include_in_schema=False)


@router.get("", response_class=HTMLResponse)
def choose(request: Request, board: Board, camera: str = "", region: str | None = None) -> HTMLResponse:
    """The slider of one camera, the first by default, and all others to choose from."""
    names = list(board.engine.config.cameras)
    name = camera or next(iter(names), "")
    context = _view(board.engine, board.camera(name).name, region) if name else {"view": None}
    return render(request, board, "sensitivity.html", names=names, name=name, saved=False, **context)


@router.get("/{name}/preview", response_class=HTMLResponse)
def preview(
    request: Request,
    board: Board,
    name: str,
    exponent: Annotated[float, Query(ge=-6, le=6)],
    region: str | None = None,
) -> HTMLResponse:
    """What the slider's place would have meant."""
    board.camera(name)
    view = board.engine.calibration(name, region)
    rate = rounded_rate(exponent)
    return render(request, board, "parts/rate.html", view=view, chosen=rate, graph=RateGraph(view, rate))


@router.post("/{name}", dependencies=[AdminOnly])
def save(
    request: Request,
    board: Board,
    name: str,
    exponent: Annotated[float, Form(ge=-6, le=6)],
    region: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    """Writes the rate into the configuration: of the area that has one of its own, or of the camera."""
    board.camera(name)
    save_rate(board.engine, name, region, rounded_rate(exponent))
    if not is_part(request):
        shown = {"camera": name, **({"region": region} if region else {})}
        return RedirectResponse(f"/sensitivity?{urlencode(shown)}", 303)
    context = _view(board.engine, name, region or None)
    return render(request, board, "parts/slider.html", name=name, saved=True, **context)


def rounded_rate(exponent: float) -> float:
    """The rate at a place of the slider, to two figures: nobody tells 0.1047 a day from 0.1.

    >>> rounded_rate(0.0), rounded_rate(-0.98)
    (1.0, 0.1)
    """
    return float(f"{10**exponent:.2g}")


def slider_span(rates: Sequence[float]) -> tuple[float, float]:
    """Exponents of the slider's ends, whole numbers around all rates.

    >>> slider_span([0.02, 3.0])
    (-2.0, 1.0)
    """
    logs = [math.log10(rate) for rate in rates if rate > 0]
    return float(math.floor(min(logs))), float(math.ceil(max(logs)))


def _view(engine: Engine, name: str, region: str | None) -> dict[str, Any]:
    """What the slider shows; `view` is None where the camera was never calibrated."""
    areas = [each for each in engine.config.cameras[name].alarming_regions if each]
    context: dict[str, Any] = {"areas": areas, "region": region or ""}
    try:
        view: CalibrationView = engine.calibration(name, region or None)
    except NormalcyError as error:
        return {**context, "view": None, "reason": safe_text(str(error))}
    rate = view.false_alarms_per_day
    low, high = slider_span([rate, 0.01, 10.0, *(each[0] for each in view.preview)])
    return {
        **context,
        "region": view.region,
        "has_own_rate": has_own_rate(engine, name, view.region),
        "fixed": fixed_threshold(engine, name, view.region),
        "view": view,
        "chosen": rate,
        "graph": RateGraph(view, rate),
        "exponent": math.log10(rate),
        "low": low,
        "high": high,
    }

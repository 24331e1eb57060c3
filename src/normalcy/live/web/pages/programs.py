"""What programs may ask: the API, as a page."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from normalcy.live.web.dashboard import Board
from normalcy.live.web.templating import render

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked."""

    method: str
    path: str
    summary: str
    parameters: tuple[str, ...]


@router.get("/api", response_class=HTMLResponse)
def api_page(request: Request, board: Board) -> HTMLResponse:
    """All of the API, from its OpenAPI description."""
    return render(request, board, "programs.html", groups=operations(request.app.openapi()))


def operations(schema: dict[str, Any]) -> dict[str, list[Operation]]:
    """By the part of the API that they belong to."""
    groups: dict[str, list[Operation]] = {}
    for path, methods in schema["paths"].items():
        for method, said in methods.items():
            names = tuple(each["name"] for each in said.get("parameters", ()) if each["in"] == "query")
            text = said.get("description") or said.get("summary", "")
            found = Operation(method.upper(), path, text, names)
            groups.setdefault(next(iter(said.get("tags", ())), "other"), []).append(found)
    return groups

"""Style, scripts and icons, from this package."""

from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER: Final = Path(__file__).parent / "static"


class _Checked(StaticFiles):
    """Browsers keep the files, but ask each time whether they still hold: a new version shows at once."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return response


def static_files() -> StaticFiles:
    """The files, as an application to mount."""
    return _Checked(directory=FOLDER)

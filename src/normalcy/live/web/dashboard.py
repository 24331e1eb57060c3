"""What the routes share."""

import time
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, HTTPException, Request
from jinja2 import Environment

from normalcy.live.config.live import LiveConfig
from normalcy.live.status import CameraStatus, Engine
from normalcy.live.store.store import Store
from normalcy.live.web.gallery import Gallery
from normalcy.live.web.guard.attempts import AttemptLimit, LoginAttempts
from normalcy.live.web.guard.identity import Identities
from normalcy.live.web.hub import Hub
from normalcy.live.web.shown import shown_cameras


@dataclass
class Dashboard:
    """The parts of one dashboard.

    Attributes:
        engine: What is shown and configured.
        store: Events, users.
        media: Folder of snapshots and clips.
        pages: Templates.
        hub: Tells open pages what changes.
        identities: Knows who asks.
        config: With which the server was started; that of the engine may have changed since.
        gallery: Live pictures, drawn once for all who look.
        attempts: Counts failed logins.
    """

    engine: Engine
    store: Store
    media: Path
    pages: Environment
    hub: Hub
    identities: Identities
    config: LiveConfig
    gallery: Gallery
    attempts: LoginAttempts = field(
        default_factory=lambda: LoginAttempts(AttemptLimit(), clock=time.monotonic)
    )

    @property
    def zone(self) -> tzinfo | None:
        """Time zone of the site; None is the machine's."""
        name = self.engine.config.timezone
        return ZoneInfo(name) if name else None

    def camera(self, name: str) -> CameraStatus:
        """A camera as it is now; answers 404 where there is none."""
        for status in shown_cameras(self.engine):
            if status.name == name:
                return status
        raise HTTPException(404, f"There is no camera {name!r}.")

    def address_of(self, node: str) -> str:
        """Of another node's dashboard; empty where it has none, or is this one."""
        found = [each.address for each in self.engine.nodes() if each.name == node and not each.is_here]
        return found[0].rstrip("/") if found else ""

    def title(self, camera: str) -> str:
        """What people call a camera; its name where it is gone."""
        config = self.engine.config.cameras.get(camera)
        return (config.title if config else "") or camera


def dashboard_of(request: Request) -> Dashboard:
    """The dashboard that a request came to."""
    dashboard = request.app.state.dashboard
    assert isinstance(dashboard, Dashboard)
    return dashboard


Board = Annotated[Dashboard, Depends(dashboard_of)]

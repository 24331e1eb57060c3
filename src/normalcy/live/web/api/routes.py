"""All routes of the API."""

from normalcy.live.web.api import cameras, events, system

ROUTERS = (cameras.router, events.router, system.router)

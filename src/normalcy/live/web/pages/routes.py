"""All pages."""

from normalcy.live.web.pages import (
    account,
    alerts,
    camera,
    camera_form,
    cameras,
    health,
    programs,
    regions,
    review,
    sensitivity,
    users,
    wall,
)

ROUTERS = tuple(
    module.router
    for module in (
        account,
        alerts,
        camera_form,
        cameras,
        camera,
        health,
        programs,
        regions,
        review,
        sensitivity,
        users,
        wall,
    )
)

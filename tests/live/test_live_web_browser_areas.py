"""Areas of a picture in a real browser: drawn, moved and listed, with and without a mouse."""

import json
import re

import pytest
from live_browser import PATIENCE_MS, Page, expect, needs_browser

pytest_plugins = ["live_web", "live_browser"]
pytestmark = needs_browser


def test_an_area_is_drawn_moved_and_saved(visit):
    at = visit()
    page: Page = at.page
    page.goto("/cameras/yard/regions")
    expect(page.locator("[data-picture]")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Draw an area").click()
    canvas = page.locator("[data-canvas]")
    box = canvas.bounding_box()
    for x, y in ((0.2, 0.2), (0.6, 0.2), (0.6, 0.8), (0.2, 0.2)):
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    expect(page.get_by_label("Name")).to_have_value("Area 1")
    page.get_by_label("Name").fill("Gate")
    page.get_by_label("There").select_option("ignore")

    corner = page.get_by_role("button", name="Corner 3 of Gate")
    corner.hover()
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.9 * box["height"], steps=4)
    page.mouse.up()
    corner.focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowUp")
    page.get_by_text("3 corners, as numbers").click()
    page.get_by_label("Corner 1, % from the left").fill("25")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Save areas").click()
    expect(page).to_have_url(re.compile("/cameras/yard$"), timeout=PATIENCE_MS)
    region = at.engine.config.cameras["yard"].regions[0]
    assert (region.name, region.mode) == ("Gate", "ignore")
    wanted = [(0.25, 0.2), (0.6, 0.2), (0.75, 0.89)]
    assert [pytest.approx(corner, abs=0.01) for corner in region.polygon] == wanted


def test_an_area_is_made_and_removed_without_a_mouse(visit):
    at = visit()
    page: Page = at.page
    page.goto("/cameras/yard/regions")
    page.get_by_role("button", name="Add a box").press("Enter")
    expect(page.get_by_role("button", name="Corner 1 of Area 1")).to_be_focused()
    page.keyboard.press("Delete")
    field = page.locator("input[name=regions]")
    assert len(json.loads(field.input_value())[0]["polygon"]) == 3
    page.get_by_role("button", name="Remove Area 1").press("Enter")
    assert field.input_value() == "[]"
    expect(page.get_by_text("No area yet")).to_be_visible()


def test_the_keyboard_stays_at_its_corner_while_the_list_changes(visit):
    at = visit()
    page: Page = at.page
    page.goto("/cameras/yard/regions")
    for number in (1, 2):
        page.get_by_role("button", name="Add a box").press("Enter")
        expect(page.get_by_role("button", name=f"Corner 1 of Area {number}")).to_be_focused()
    area = page.get_by_role("group", name="Area 2")
    area.get_by_text("4 corners, as numbers").press("Enter")
    add = area.get_by_role("button", name="Add a corner after corner 2")
    add.press("Enter")
    expect(add).to_be_focused()
    expect(area.get_by_text("5 corners, as numbers")).to_be_visible()
    expect(page.get_by_role("group", name="Area 1").get_by_label("Corner 1, % from the left")).to_be_hidden()
    drop = area.get_by_role("button", name="Remove corner 5")
    drop.press("Enter")
    expect(area.get_by_role("button", name="Remove corner 4")).to_be_focused()
    page.keyboard.press("Enter")  # with three left none can be taken out
    expect(area.get_by_role("button", name="Add a corner after corner 3")).to_be_focused()
    polygons = [each["polygon"] for each in json.loads(page.locator("input[name=regions]").input_value())]
    assert list(map(len, polygons)) == [4, 3]
    page.get_by_role("button", name="Remove Area 1").press("Enter")
    expect(page.get_by_role("button", name="Remove Area 2")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Draw an area")).to_be_focused()

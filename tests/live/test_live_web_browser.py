"""The dashboard in a real browser: what people do with mouse, finger and keyboard."""

import re
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from live_browser import PATIENCE_MS, Page, expect, needs_browser, sync_api, until
from live_web import PASSWORD, Site, event, write_event, write_past, write_user

from normalcy.live.cameras.state import CameraState
from normalcy.live.status import Note
from normalcy.live.store.events import find_event
from normalcy.live.web.pages.review import PAGE_EVENTS

pytest_plugins = ["live_web", "live_browser"]

PHONE = {"width": 360, "height": 740}
VIEWS = [
    "/",
    "/cameras/front-door",
    "/review",
    "/sensitivity",
    "/cameras",
    "/add-camera",
    "/cameras/yard/regions",
    "/alerts",
    "/health",
    "/users",
    "/api",
]

PIXELS = """image => {
    const pen = new OffscreenCanvas(64, 36).getContext("2d");
    pen.drawImage(image, 0, 0, 64, 36);
    return pen.getImageData(0, 0, 64, 36).data.join();
}"""

pytestmark = needs_browser


def test_somebody_logs_in_and_out(site, visit):
    write_user(site.store, "anna", "admin")
    page: Page = visit(site.engine(web={"port": 0, "login": True})).page
    page.goto("/review?verdict=none")
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(re.compile(r"/review\?verdict=none$"))
    expect(page.get_by_role("heading", name="Review")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.goto("/")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_the_wall_moves_and_says_when_a_camera_goes_offline(visit):
    at = visit()
    at.page.goto("/")
    tile = at.page.locator("[data-camera=front-door]")
    picture = tile.locator("img")
    expect(picture).to_be_visible(timeout=PATIENCE_MS)
    first = picture.get_attribute("src")
    expect(picture).not_to_have_attribute("src", first, timeout=PATIENCE_MS)
    before = picture.evaluate(PIXELS)
    until(at.page, lambda: picture.evaluate(PIXELS) != before)
    expect(at.page.locator("[data-wall-summary]")).to_have_text("3 of 3 live", timeout=PATIENCE_MS)

    at.engine.changes["front-door"] = {"state": CameraState.OFFLINE, "reason": "no answer within 10 s"}
    expect(tile.locator("[data-state]")).to_have_text("Offline", timeout=PATIENCE_MS)
    expect(tile).to_contain_text("no answer within 10 s")
    expect(at.page.get_by_role("status")).to_have_text("Front door: Offline")
    at.engine.changes["yard"] = {"alarmed": True, "score": 1.5, "event": "0" * 32}
    expect(at.page.locator("[data-camera=yard] .alarm-mark")).to_be_visible(timeout=PATIENCE_MS)


def test_an_event_is_reviewed_with_the_keyboard_alone(site, visit):
    for number in (1, 2, 3):
        write_event(site.store, site.media, event(number), clip=number == 2)
    at = visit()
    at.page.goto("/review")
    expect(at.page.locator(f"[data-detail='{3:032x}']")).to_be_visible()
    at.page.get_by_label("Camera").press("f")  # chooses the front door, and judges nothing
    at.page.get_by_label("Camera").blur()
    at.page.keyboard.press("j")
    expect(at.page.locator(f"[data-detail='{2:032x}']")).to_be_visible()
    at.page.keyboard.press(" ")
    until(at.page, lambda: at.page.locator("video").evaluate("video => video.currentTime") > 0)

    at.page.keyboard.press("f")
    flash = at.page.locator(".flash")
    expect(flash).to_contain_text("The alarm level of Front door went from 1 to 1.25", timeout=PATIENCE_MS)
    expect(at.page.locator("[data-rows]").get_by_text("False alarm")).to_have_count(1)
    expect(at.page.locator("#unreviewed")).to_contain_text("2")
    assert verdict(site, 2) == "false_alarm"
    at.page.keyboard.press("u")
    expect(flash).to_contain_text("went from 1.25 to 1", timeout=PATIENCE_MS)
    assert verdict(site, 2) is None
    at.page.keyboard.press("k")
    expect(at.page.locator(f"[data-detail='{3:032x}']")).to_be_visible()
    at.page.keyboard.press("c")
    expect(flash).to_contain_text("Confirmed.")
    assert verdict(site, 3) == "confirmed"
    assert at.engine.told == [f"{number:032x}" for number in (2, 2, 3)]


def test_a_key_judges_no_event_but_the_one_that_is_seen(site, visit):
    for number in (1, 2, 3):
        write_event(site.store, site.media, event(number))
    at = visit()
    page: Page = at.page
    held: list[sync_api.Route] = []
    page.route(f"**/review/{2:032x}", lambda route: held.append(route))
    page.goto("/review")
    expect(page.locator(f"[data-detail='{3:032x}']")).to_be_visible()
    page.keyboard.press("j")
    until(page, lambda: bool(held))
    for key in "cfu":
        page.keyboard.press(key)  # the event beside the list is still the one before
    page.keyboard.press("j")
    page.keyboard.press("c")
    held.pop().continue_()
    expect(page.locator(f"[data-detail='{1:032x}']")).to_be_visible(timeout=PATIENCE_MS)
    page.keyboard.down("c")
    expect(page.locator(".flash")).to_contain_text("Confirmed.", timeout=PATIENCE_MS)
    page.keyboard.down("c")  # held down: the browser says so, and it counts once
    page.keyboard.up("c")
    page.unroute_all()
    page.keyboard.press("k")
    expect(page.locator(f"[data-detail='{2:032x}']")).to_be_visible(timeout=PATIENCE_MS)
    assert [verdict(site, number) for number in (1, 2, 3)] == ["confirmed", None, None]
    assert at.engine.told == [f"{1:032x}"]


def test_the_keyboard_stays_where_it_was_and_walks_past_the_end_of_the_list(site, visit):
    for number in range(1, PAGE_EVENTS + 3):
        write_event(site.store, site.media, event(number))
    at = visit()
    page: Page = at.page
    page.goto("/review")
    newest = PAGE_EVENTS + 2
    page.get_by_role("button", name="Confirm").press("Enter")
    expect(page.locator(".flash")).to_contain_text("Confirmed.", timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Confirm")).to_be_focused()
    page.locator("[data-event]").last.click()
    expect(page.locator(f"[data-detail='{newest - PAGE_EVENTS + 1:032x}']")).to_be_visible(
        timeout=PATIENCE_MS
    )
    page.keyboard.press("j")
    expect(page.locator(f"[data-detail='{newest - PAGE_EVENTS:032x}']")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("[data-event]")).to_have_count(newest)


def test_a_wall_that_is_left_open_says_what_is_wrong(visit):
    at = visit()
    page: Page = at.page
    page.goto("/")
    expect(page.locator("[data-wall-summary]")).to_have_text("3 of 3 live", timeout=PATIENCE_MS)
    at.engine.changes["hall"] = {"scored_age_seconds": 6e4, "scene": "dark"}
    expect(page.locator("[data-camera=hall] [data-note]")).to_contain_text("Dark", timeout=PATIENCE_MS)
    expect(page.locator("[data-camera=hall] [data-score]")).to_have_attribute("aria-label", "No score now")
    at.engine.changes["yard"] = {"scored_age_seconds": 99.0}
    at.engine.noted.append(Note("store", "The store refuses <b>everything</b>.", time.time()))
    expect(page.locator("[data-wall-summary]")).to_have_text("2 of 3 live", timeout=PATIENCE_MS)
    expect(page.locator("[data-camera=yard] [data-state]")).to_have_text("Not scored")
    expect(page.locator("[data-notes]")).to_contain_text("The store refuses <b>everything</b>.")
    at.engine.noted.clear()
    at.engine.is_ready = False
    expect(page.locator("[data-notes]")).to_contain_text("does not run as it should", timeout=PATIENCE_MS)
    at.engine.is_ready = True
    expect(page.locator("[data-notes] p")).to_have_count(0, timeout=PATIENCE_MS)


@pytest.mark.parametrize(
    ("zone", "first"), [("Asia/Kathmandu", "00:00"), ("Pacific/Chatham", "00:00"), ("UTC", "00:00")]
)
def test_marks_of_the_timeline_are_whole_days_of_the_site_wherever_the_browser_is(visit, zone, first):
    at = visit(timezone_id="America/New_York")
    at.page.goto("/")
    until_seconds = 1_750_000_000
    found = at.page.evaluate(
        """async ([until, timeZone]) => {
            const { marks } = await import("/static/js/timeline.js");
            return marks(until - 3 * 86400, until, 86400, { timeZone });
        }""",
        [until_seconds, zone],
    )
    assert len(found) == 3
    assert {f"{datetime.fromtimestamp(each, ZoneInfo(zone)):%H:%M}" for each in found} == {first}


def verdict(site: Site, number: int) -> str | None:
    with site.store.reading() as session:
        found = find_event(session, f"{number:032x}")
    assert found is not None
    return found.verdict


def test_the_slider_shows_what_would_have_been_and_saves(visit):
    at = visit()
    page: Page = at.page
    page.goto("/sensitivity?camera=yard")
    slider = page.get_by_label("False alarms that are acceptable")
    slider.evaluate(
        "slider => { slider.value = -1; slider.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    expect(page.locator("#rate")).to_contain_text("about 3 a month", timeout=PATIENCE_MS)
    expect(page.locator("#rate")).to_contain_text("about 1 event")
    expect(slider).to_have_attribute("aria-valuetext", "about 3 a month")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible(timeout=PATIENCE_MS)
    assert at.engine.raw_camera("yard")["false_alarms_per_day"] == 0.1


def test_the_timeline_zooms_and_leads_to_events(site, visit):
    write_past(site.store, "front-door")
    write_event(site.store, site.media, event(20))
    at = visit()
    page: Page = at.page
    page.goto("/cameras/front-door")
    words = page.locator("[data-timeline-words]")
    expect(words).to_contain_text("1 event.", timeout=PATIENCE_MS)
    inked = (
        "canvas => new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size"
    )
    assert page.locator("[data-timeline]").evaluate(inked) > 20
    before = words.inner_text()
    page.get_by_role("button", name="Closer").click()
    expect(words).not_to_have_text(before, timeout=PATIENCE_MS)
    page.get_by_role("button", name="1 h", exact=True).click()
    page.get_by_role("button", name="Now").click()
    expect(words).to_contain_text("1 event.", timeout=PATIENCE_MS)
    place = page.locator("[data-timeline]").bounding_box()
    share = 20 / 60  # the event began 40 minutes ago
    page.mouse.click(place["x"] + 8 + share * (place["width"] - 16) + 1, place["y"] + 60)
    expect(page.locator(f"[data-detail='{20:032x}']")).to_be_visible(timeout=PATIENCE_MS)


def test_an_address_is_tried_and_a_camera_removed_only_after_asking(visit):
    at = visit()
    page: Page = at.page
    page.goto("/cameras/front-door/edit")
    page.get_by_role("button", name="Test the address").click()
    expect(page.locator("#tried")).to_contain_text("It works.", timeout=PATIENCE_MS)
    expect(page.get_by_alt_text("Picture from this address")).to_be_visible()
    page.goto("/cameras")
    page.get_by_role("button", name="Remove Yard").click()
    page.get_by_role("button", name="Keep it").click()
    assert "yard" in at.engine.config.cameras
    page.get_by_role("button", name="Remove Yard").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", name="Yard")).to_have_count(0)
    assert "yard" not in at.engine.config.cameras


def test_colours_follow_the_system_until_somebody_chooses(visit):
    at = visit(color_scheme="dark")
    page: Page = at.page
    ground = "getComputedStyle(document.body).backgroundColor"
    page.goto("/")
    dark = page.evaluate(ground)
    page.get_by_role("button", name="Dark or light").click()
    light = page.evaluate(ground)
    assert light != dark
    page.goto("/health")
    assert page.evaluate(ground) == light


def test_an_event_is_seen_after_going_back_on_a_phone(site, visit):
    for number in (1, 2):
        write_event(site.store, site.media, event(number))
    page: Page = visit(viewport=PHONE, has_touch=True).page
    page.goto("/review")
    page.locator("[data-event]").first.tap()
    expect(page).to_have_url(re.compile("event="), timeout=PATIENCE_MS)
    expect(page.locator(f"[data-detail='{2:032x}']")).to_be_visible()
    page.go_back()
    expect(page.locator("[data-event]").last).to_be_visible(timeout=PATIENCE_MS)
    page.locator("[data-event]").last.tap()
    expect(page.locator(f"[data-detail='{1:032x}']")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("link", name="All events").tap()
    expect(page.locator("[data-event]").last).to_be_visible()


def test_nothing_is_wider_than_a_phone_and_the_menu_opens(site, visit):
    write_past(site.store, "front-door", minutes=5)
    write_event(site.store, site.media, event(1), clip=True)
    at = visit(viewport=PHONE, has_touch=True)
    page: Page = at.page
    for view in VIEWS:
        page.goto(view)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], view
    page.goto("/review")
    page.locator("[data-event]").first.tap()
    expect(page.locator("[data-detail]")).to_be_visible()
    page.get_by_role("link", name="All events").tap()
    expect(page.locator("[data-detail]")).to_be_hidden()
    page.get_by_role("button", name="Menu").tap()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Health").tap()
    expect(page.get_by_role("heading", name="Health")).to_be_visible()

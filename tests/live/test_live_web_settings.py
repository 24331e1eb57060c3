"""How often a camera, or an area of it, may alarm; and that nobody who saves undoes what another saved."""

import math
import threading

import pytest
from live_web import PREVIEW, csrf_of, event, send, words_of, write_event

from normalcy.live.status import CalibrationView
from normalcy.live.web.rate_graph import RateGraph

pytest_plugins = ["live_web"]


def test_the_slider_saves_a_round_rate(site):
    engine = site.engine()
    client = site.client(engine)
    preview = client.get("/sensitivity/yard/preview?exponent=-1").text
    assert "about 3 a month" in preview
    answer = send(client, "/sensitivity/yard", exponent=str(math.log10(0.2999)), part=True)
    assert "Saved." in answer.text
    assert engine.raw_camera("yard")["false_alarms_per_day"] == 0.3
    assert client.get("/sensitivity/yard/preview?exponent=99").status_code == 422
    engine.uncalibrated.add("yard")
    assert "Nothing to set here yet" in client.get("/sensitivity?camera=yard").text


def test_the_graph_reads_between_the_rates_that_were_tried():
    view = CalibrationView(1.0, 1.0, "", 7.0, PREVIEW)
    assert RateGraph(view, 1.0).events == 6
    assert RateGraph(view, 0.3).threshold == pytest.approx(1.2)
    assert 6 < RateGraph(view, 2.0).events < 17
    assert RateGraph(view, 1000.0).events == 41
    assert RateGraph(view, 1e-6).events == 0
    empty = RateGraph(CalibrationView(1.0, 1.0, "", 0.0, ()), 1.0)
    assert (empty.path, empty.events, empty.dots) == ("", None, [])


AREAS = [
    {"name": "gate", "polygon": [[0, 0], [1, 0], [1, 1]]},
    {"name": "the fence", "polygon": [[0, 0], [1, 0], [1, 1]], "false_alarms_per_day": 5},
]


def test_each_area_has_a_sensitivity_and_one_with_a_rate_of_its_own_keeps_it(site):
    engine = site.engine(cameras={"yard": {"source": "test-pattern", "regions": AREAS}})
    client = site.client(engine)
    page = client.get("/sensitivity?camera=yard").text
    assert "yard · gate" in words_of(page)
    assert "/sensitivity?camera=yard&amp;region=the+fence" in page or "region=the%20fence" in page
    fence = client.get("/sensitivity?camera=yard&region=the+fence").text
    assert "a rate of its own" in fence
    send(client, "/sensitivity/yard", exponent="0.3", region="the fence", part=True)
    assert [region.false_alarms_per_day for region in engine.config.cameras["yard"].regions] == [None, 2.0]
    saved = send(client, "/sensitivity/yard", exponent="-1", region="gate")
    assert saved.headers["location"] == "/sensitivity?camera=yard&region=gate"
    raw = engine.raw_camera("yard")
    assert raw["false_alarms_per_day"] == 0.1
    assert raw["regions"] == [AREAS[0], {**AREAS[1], "false_alarms_per_day": 2.0}]
    assert send(client, "/sensitivity/yard", exponent="1", region="nowhere").status_code == 422
    assert engine.raw_camera("yard") == raw


def test_an_area_with_a_fixed_threshold_has_no_slider_and_moves_no_other(site):
    fixed = {**AREAS[0], "name": "door", "threshold": 3.5, "false_alarms_per_day": 2}
    engine = site.engine(cameras={"yard": {"source": "test-pattern", "regions": [*AREAS, fixed]}})
    client = site.client(engine)
    page = client.get("/sensitivity?camera=yard&region=door").text
    assert "fixed at 3.5 in its settings" in words_of(page)
    assert 'type="range"' not in page
    assert 'type="range"' in client.get("/sensitivity?camera=yard&region=gate").text
    before = engine.raw_camera("yard")
    refused = send(client, "/sensitivity/yard", exponent="1", region="door", part=True)
    assert (refused.status_code, "fixed at 3.5" in refused.text) == (422, True)
    headers = {"x-csrf-token": csrf_of(client)}
    path = "/api/v1/cameras/yard/calibration?region=door"
    assert client.put(path, json={"false_alarms_per_day": 9}, headers=headers).status_code == 422
    assert engine.raw_camera("yard") == before


@pytest.mark.parametrize("shared", [[], AREAS])
def test_areas_that_are_taken_out_do_not_come_back(site, shared):
    own = {"source": "test-pattern", "regions": AREAS[:1]}
    engine = site.engine(cameras={"yard": own, "hall": own}, defaults={"regions": shared})
    client = site.client(engine)
    send(client, "/cameras/yard/regions", regions="[]")
    client.put("/api/v1/cameras/hall/regions", json=[], headers={"x-csrf-token": csrf_of(client)})
    for name in ("yard", "hall"):
        assert engine.config.cameras[name].regions == ()
        assert engine.raw_camera(name).get("regions", None) == ([] if shared else None)


def test_a_verdict_moves_the_alarm_level_of_the_area_of_its_event(site):
    engine = site.engine(cameras={"yard": {"source": "test-pattern", "regions": AREAS}})
    write_event(site.store, site.media, event(1, camera="yard", region="the fence"))
    client = site.client(engine)
    send(client, f"/review/{1:032x}/verdict", verdict="false_alarm", part=True)
    undone = send(client, f"/review/{1:032x}/verdict", verdict="none", part=True)
    assert "went from 2.25 to 2." in words_of(undone.text)


def test_a_verdict_looks_through_no_past(site, monkeypatch):
    engine = site.engine()
    monkeypatch.setattr(engine, "calibration", None)
    asked = []
    threshold = engine.threshold
    monkeypatch.setattr(engine, "threshold", lambda *of: asked.append(of) or threshold(*of))
    write_event(site.store, site.media, event(1, camera="yard"))
    client = site.client(engine)
    for verdict, times in (("confirmed", 0), ("none", 0), ("false_alarm", 0), ("none", 2)):
        asked.clear()
        answer = send(client, f"/review/{1:032x}/verdict", verdict=verdict, part=True)
        assert (answer.status_code, len(asked)) == (200, times), verdict
    assert asked == [("yard", "")] * 2


def test_two_who_save_at_once_lose_nothing_of_each_other(site):
    engine = site.engine(cameras={"yard": {"source": "test-pattern", "buffer_frames": 32}})
    client = site.client(engine)
    csrf = csrf_of(client)
    read = engine.file.camera
    other = threading.Thread(
        target=client.post,
        args=("/cameras/yard/enabled",),
        kwargs={"data": {"enabled": "false", "csrf": csrf}},
    )

    def read_and_be_overtaken(name: str) -> dict[str, object]:
        found = read(name)
        if other.ident is None:
            other.start()
            other.join(0.5)  # it has to wait; were it not for that, it would be done long before
        return found

    engine.file.camera = read_and_be_overtaken
    client.post("/sensitivity/yard", data={"exponent": "0.3", "csrf": csrf})
    other.join()
    wanted = {"source": "test-pattern", "buffer_frames": 32, "enabled": False, "false_alarms_per_day": 2.0}
    assert read("yard") == wanted

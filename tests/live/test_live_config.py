"""The configuration of the live engine: what is inherited, what is refused, and what is said of it."""

from datetime import datetime, time

import pytest
import yaml

from normalcy.errors import ConfigError
from normalcy.live.config.live import config_from, read_live_config
from normalcy.live.config.references import missing_secrets
from normalcy.live.config.schedule import WatchHours
from normalcy.live.config.secrets import resolve
from normalcy.live.config.web import WebConfig

BUNDLES = {"yard": {"path": "runs/yard"}}


def configured(tmp_path, **sections):
    return config_from({"bundles": BUNDLES, **sections}, where=tmp_path / "watch.yaml")


def refused(tmp_path, **sections):
    with pytest.raises(ConfigError) as caught:
        configured(tmp_path, **sections)
    return str(caught.value)


def test_cameras_take_from_the_defaults_what_they_do_not_say(tmp_path):
    defaults = {"stride": 3, "max_fps": 5, "schedule": [{"days": ["sat"]}]}
    cameras = {"own": {"source": "a", "stride": 1, "schedule": []}, "shared": {"source": "b"}}
    found = configured(tmp_path, defaults=defaults, cameras=cameras).cameras
    assert (found["own"].stride, found["own"].max_fps, found["own"].schedule) == (1, 5.0, ())
    assert (found["shared"].stride, found["shared"].schedule[0].days) == (3, ("sat",))


def test_relative_paths_start_at_the_configuration(tmp_path):
    path = tmp_path / "watch.yaml"
    path.write_text(yaml.safe_dump({"data": "events", "bundles": {**BUNDLES, "abs": {"path": "/b"}}}))
    config = read_live_config(path)
    assert config.data == tmp_path / "events"
    assert str(config.bundles["yard"].path) == str(tmp_path / "runs" / "yard")
    assert str(config.bundles["abs"].path) == "/b"


def test_files_of_cameras_start_at_the_configuration_too(tmp_path):
    sources = ("a.mp4", "b/c", "/d.mp4", "rtsp://door/1", "test-pattern@5", "0", "${DOOR}", "${file:x}/1")
    cameras = {f"c{number}": {"source": each} for number, each in enumerate(sources)}
    cameras["sub"] = {"source": "rtsp://door/1", "substream": "e.mp4"}
    found = configured(tmp_path, cameras=cameras).cameras
    beside = (f"{tmp_path}/a.mp4", f"{tmp_path}/b/c", *sources[2:])
    assert [found[name].source for name in list(cameras)[:-1]] == list(beside)
    assert found["sub"].watched == f"{tmp_path}/e.mp4"


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"camers": {}}, "unknown key 'camers', did you mean 'cameras'?"),
        ({"cameras": {"door": {"sorce": "a"}}}, "unknown key 'cameras.door.sorce', did you mean 'source'?"),
        ({"cameras": {"door": {"sorce": "a"}}}, "'cameras.door.source' is missing"),
        ({"alerts": {"webhooks": {"duty": {"urll": ""}}}}, "did you mean 'url'?"),
        ({"alerts": {"mqtt": {"host": "h", "prot": 1}}}, "did you mean 'port'?"),
        ({"store": {"retention": {"day": 3}}}, "did you mean 'days'?"),
        ({"cameras": {"Front Door": {"source": "a"}}}, "camera 'Front Door': use small letters"),
        ({"cameras": {"door": {"source": "a", "bundle": "yrd"}}}, "bundle is 'yrd', known are yard"),
        ({"bundles": {"a": {"path": "a"}, "b": {"path": "b"}}, "cameras": {"d": {"source": "a"}}}, "is None"),
        ({"timezone": "Europe/Wien"}, "'timezone' is 'Europe/Wien': there is no such time zone"),
        ({"bundles": {}}, "'bundles'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, sections, said):
    message = refused(tmp_path, **sections)
    assert said in message
    assert message.startswith(f"{tmp_path / 'watch.yaml'}: ")
    assert "\n" not in message


def test_all_mistakes_are_said_at_once(tmp_path):
    message = refused(
        tmp_path, cameras={"a": {"source": "x", "strid": 2}, "b": {"source": ""}}, web={"port": -1}, evnts={}
    )
    for said in ("'cameras.a.strid'", "'cameras.b.source'", "'web.port'", "'evnts'"):
        assert said in message


def test_all_names_that_do_not_fit_are_said_at_once(tmp_path):
    receivers = {"duty": {"url": "https://x", "cameras": ["dor", "zzz"]}}
    cameras = {"door": {"source": "a"}, "B": {"source": "b", "bundle": "none"}}
    message = refused(tmp_path, cameras=cameras, alerts={"webhooks": receivers})
    assert "camera 'B': use small letters" in message
    assert "camera 'B': bundle is 'none'" in message
    assert "webhook:duty names the camera 'dor', which is not there; did you mean 'door'?" in message
    assert "webhook:duty names the camera 'zzz', which is not there" in message


def test_a_mistake_in_the_defaults_is_said_once(tmp_path):
    cameras = {name: {"source": name} for name in "abc"}
    message = refused(tmp_path, defaults={"stride": 0}, cameras=cameras)
    assert message.count("stride") == 1
    assert "'defaults.stride' is 0" in message


@pytest.mark.parametrize(
    ("polygon", "said"),
    [
        ([[0, 0], [1, 1]], "at least 3 items"),
        ([[0, 0], [1.5, 0], [1, 1]], "the corner (1.5, 0) is outside of the picture, which is 0 to 1"),
        ([[0, 0], [0.5, 0.5], [1, 1]], "its corners enclose no area"),
    ],
)
def test_polygons_that_are_none(tmp_path, polygon, said):
    region = {"name": "steps", "polygon": polygon}
    assert said in refused(tmp_path, cameras={"d": {"source": "a", "regions": [region]}})


def test_two_regions_of_a_name(tmp_path):
    regions = [{"name": "x", "polygon": [[0, 0], [1, 0], [1, 1]]}] * 2
    message = refused(tmp_path, cameras={"d": {"source": "a", "regions": regions}})
    assert "there are two regions 'x'" in message


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("18:00", time(18)),  # a number for YAML 1.1
        ("18:00:30", time(18, 0, 30)),
        ("'18:00'", time(18)),
        ("08:30", time(8, 30)),
        ("23:59", time(23, 59)),
        ("1:00", time(1)),
        ("24:00", time(0)),
        ("'24:00'", time(0)),
        ("0", time(0)),
    ],
)
def test_times_of_day_with_and_without_quotes(written, meant):
    hours = WatchHours(**yaml.safe_load(f"{{start: {written}, end: {written}}}"))
    assert (hours.start, hours.end) == (meant, meant)


@pytest.mark.parametrize("written", ["25:00", "24:01", "-1", "'nine'", "24:00:00", "true", "99999999"])
def test_what_is_no_time_of_day(tmp_path, written):
    schedule = [{"start": yaml.safe_load(written)}]
    message = refused(tmp_path, cameras={"d": {"source": "a", "schedule": schedule}})
    assert "cameras.d.schedule.0.start" in message


def test_hours_past_midnight_belong_to_the_day_they_start_on():
    nights = WatchHours(days=("fri",), start=time(22), end=time(6))
    friday, saturday = datetime(2026, 1, 2), datetime(2026, 1, 3)
    assert nights.holds(friday.replace(hour=22))
    assert nights.holds(saturday.replace(hour=5, minute=59))
    assert not nights.holds(friday.replace(hour=5))
    assert not nights.holds(saturday.replace(hour=6))
    assert not nights.holds(saturday.replace(hour=22))


def test_secrets_come_from_the_environment_and_from_files(tmp_path):
    file = tmp_path / "password"
    file.write_text("hunter2\n")
    text = f"rtsp://${{GUARD}}:${{file:{file}}}@door/${{file:{file}}}"
    assert resolve(text, environment={"GUARD": "anna"}) == "rtsp://anna:hunter2@door/hunter2"


@pytest.mark.parametrize("reference", ["${NOWHERE}", "${file:/nowhere/at/all}"])
def test_a_secret_that_is_not_there_is_named_and_the_rest_is_not_shown(reference):
    with pytest.raises(ConfigError) as caught:
        resolve(f"rtsp://guard:hunter2@door/{reference}", environment={})
    assert reference in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "sections",
    [
        {"cameras": {"door": {"source": ["rtsp://guard:hunter2@door"]}}},
        {"cameras": {"door": "rtsp://guard:hunter2@door/1"}},
        {"cameras": {"door": {"source": "a", "substream": {"url": "rtsp://guard:hunter2@door"}}}},
        {"cameras": {"door": {"source": "a", "bundle": "rtsp://guard:hunter2@door"}}},
        {"alerts": {"mqtt": {"host": "h", "password": ["hunter2"]}}},
        {"alerts": {"webhooks": {"duty": "https://hooks/hunter2"}}},
        {"alerts": {"webhooks": {"duty": {"url": "ftp://hooks/hunter2"}}}},
        {"alerts": {"webhooks": {"duty": {"url": "https://x", "secret": {"is": "hunter2"}}}}},
        {"alerts": {"apprise": {"phone": "tgram://hunter2/1"}}},
        {"store": "postgresql://normalcy:hunter2@localhost/x"},
        {"store": "normalcy:hunter2@localhost/x"},
        {"store": {"url": ["hunter2"]}, "alerts": "hooks.example/hunter2"},
        {"alerts": {"webhooks": {"duty": {"url": "hooks.example/hunter2"}}}},
        {"alerts": {"webhooks": {"duty": "hooks.example/hunter2"}}},
        {"alerts": {"webhooks": "hooks.example/hunter2"}},
        {"alerts": {"apprise": {"phone": "tgram//hunter2/1"}}},
        {"alerts": {"apprise": {"phone": {"url": "x", "severity": "hunter2"}}}},
    ],
)
def test_no_secret_is_in_an_error(tmp_path, sections):
    assert "hunter2" not in refused(tmp_path, **sections)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.9.1"])
def test_this_machine_alone_needs_no_login(host):
    assert not WebConfig(host=host).requires_login
    assert WebConfig(host=host, login=True).requires_login


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "normalcy.local", ""])
def test_any_other_address_needs_one(host):
    assert WebConfig(host=host).requires_login


@pytest.mark.parametrize(
    ("sections", "is_required"),
    [
        ({}, False),
        ({"web": {"login": True}}, True),
        ({"web": {"host": "0.0.0.0"}}, True),
        ({"web": {"https": True}, "alerts": {"public_url": "https://localhost"}}, True),
        ({"alerts": {"public_url": "https://cameras.example.org"}}, True),
        ({"alerts": {"public_url": "http://127.0.0.1:8042"}}, False),
        ({"alerts": {"public_url": "http://localhost:8042/"}}, False),
    ],
)
def test_behind_a_proxy_a_login_is_needed_too(tmp_path, sections, is_required):
    assert configured(tmp_path, **sections).requires_login is is_required


@pytest.mark.parametrize(
    "public_url", ["cameras.example.org", "https://[broken", "https://", "ftp://cams.example", ""]
)
def test_where_people_reach_it_is_an_address(tmp_path, public_url):
    assert "alerts.public_url" in refused(tmp_path, alerts={"public_url": public_url})


def test_a_proxy_is_told_by_which_name_people_come(tmp_path):
    assert "web.https is for a proxy: set alerts.public_url" in refused(tmp_path, web={"https": True})
    assert (
        configured(tmp_path, alerts={"public_url": "https://Cams.example:8443/x"}).public_host
        == "cams.example"
    )


def test_a_camera_that_is_switched_off_needs_no_secret(tmp_path):
    away = {"source": "rtsp://${NOWHERE_AT_ALL}@door/1", "substream": "rtsp://${NOWHERE_AT_ALL}@door/2"}
    on, off = (configured(tmp_path, cameras={"d": {**away, "enabled": on}}) for on in (True, False))
    assert len(missing_secrets(on)) == 2
    assert missing_secrets(off) == []

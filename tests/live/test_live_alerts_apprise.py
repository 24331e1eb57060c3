"""What apprise speaks, and the test button."""

import logging
import threading
from collections.abc import Iterator

import pytest
from live_alerts import Loop, an_event, live_config
from live_receivers import Behaviour, WebhookReceiver, free_port, wait_until

from normalcy.errors import ConfigError
from normalcy.live.alerts import send_test
from normalcy.live.alerts.apprise_receiver import AppriseReceiver
from normalcy.live.alerts.delivery import Delivery
from normalcy.live.alerts.messages import event_messages
from normalcy.live.config.alerts import AppriseConfig

pytest_plugins = ["live_alerts"]

# One of apprise's services looks for it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def config_of(hook: WebhookReceiver):
    return live_config(apprise={"phone": {"url": hook.url.replace("http", "json")}})


def test_people_read_a_title_and_a_sentence_and_see_the_picture(hook, outbox, tmp_path):
    config = config_of(hook)
    event = an_event(media="door/today/one")
    picture = tmp_path / "media" / event.media / "snapshot.jpg"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"\xff\xd8\xff\xe0 a picture")
    with Loop(outbox, config) as loop:
        keys = outbox.tell(event, "event.opened", config, store=True)
        keys += outbox.tell(an_event(media="none/yet"), "event.opened", config, store=True)
        loop.ring()
        outbox.wait_for(keys)
    first, second = (each.payload for each in hook.accepted)
    assert first["title"] == "Alert: Front door"
    assert first["message"].startswith("Something unusual since 22:13:20")
    assert first["type"] == "warning"
    assert first["attachments"][0]["filename"] == "snapshot.jpg"
    assert second["attachments"] == []


def test_a_picture_that_is_written_after_its_event_is_told_of_is_waited_for(hook, tmp_path):
    picture = tmp_path / "snapshot.jpg"
    config = AppriseConfig(url=hook.url.replace("http", "json"))
    payload = event_messages(an_event(), "event.opened", config=config_of(hook))[0].payload
    delivery = Delivery(id=1, key="k", payload=payload, created_at=0.0, snapshot=picture)
    writing = threading.Timer(0.2, picture.write_bytes, [b"\xff\xd8\xff\xe0 a picture"])
    writing.start()
    AppriseReceiver(config).send(delivery)
    writing.join()
    assert [each["filename"] for each in hook.accepted[0].payload["attachments"]] == ["snapshot.jpg"]


@pytest.fixture
def root_log() -> Iterator[list[str]]:
    """What a log of everything would show; pytest's own also reads loggers that keep to themselves."""
    lines: list[str] = []
    handler, root = logging.Handler(), logging.getLogger()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(handler)
    root.setLevel(before)


def test_a_service_that_fails_is_tried_again_and_its_credentials_are_said_nowhere(
    hook, outbox, root_log, monkeypatch
):
    monkeypatch.setenv("PHONE_PASSWORD", "geheim")
    url = hook.url.replace("http://", "json://user:${PHONE_PASSWORD}@") + "/${PHONE_PASSWORD}"
    config = live_config(apprise={"phone": {"url": url}})
    hook.behaviour = Behaviour(status=401)
    with Loop(outbox, config) as loop:
        keys = outbox.tell(an_event(), "event.opened", config)
        loop.ring()
        wait_until(lambda: outbox.rows()[0].attempts >= 1)
        said = outbox.rows()[0].error
        hook.behaviour = Behaviour()
        outbox.wait_for(keys)
    assert said == "the service did not take it (HTTP 401)"
    assert [each.path for each in hook.accepted] == ["/hook/geheim"]
    assert any("could not send" in line for line in root_log)
    assert "geheim" not in " ".join(root_log)


def test_an_url_that_apprise_does_not_know_is_said_without_showing_it():
    config = live_config(apprise={"phone": {"url": "nonsense://geheim@x"}})
    assert send_test(config, "apprise:phone") == (
        "The test message did not arrive: apprise cannot use its URL."
    )


def test_the_test_button_tells_what_became_of_the_message(hook):
    webhooks = {
        "good": {"url": hook.url, "secret": hook.secret},
        "gone": {"url": f"http://127.0.0.1:{free_port()}/geheim"},
        "unset": {"url": "http://x/${NO_SUCH_SECRET}"},
    }
    config = live_config(webhooks=webhooks, apprise={"phone": {"url": hook.url.replace("http", "json")}})
    assert send_test(config, "webhook:good") == "The test message arrived."
    assert hook.requests[0].is_genuine
    assert hook.requests[0].payload["type"] == "test"
    assert send_test(config, "apprise:phone") == "The test message arrived."
    gone = send_test(config, "webhook:gone")
    assert gone.startswith("The test message did not arrive: no connection")
    assert "geheim" not in gone
    assert "NO_SUCH_SECRET is not set" in send_test(config, "webhook:unset")
    with pytest.raises(ConfigError, match="There are: webhook:good"):
        send_test(config, "webhook:nobody")

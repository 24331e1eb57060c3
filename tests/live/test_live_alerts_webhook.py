"""One webhook: what is posted, what its answers mean, and that nothing secret is said."""

import logging
from collections.abc import Iterator

import pytest
from live_receivers import Behaviour, WebhookReceiver, free_port, webhook_receiver

from normalcy.errors import ConfigError
from normalcy.live.alerts.delivery import Delivery, DeliveryError, Trouble
from normalcy.live.alerts.signature import sign, verify_signature
from normalcy.live.alerts.webhook import WebhookReceiver as Sender
from normalcy.live.config.alerts import WebhookConfig

DELIVERY = Delivery(id=1, key="e1:event.opened:webhook:guard", payload={"sentence": "Größe"}, created_at=0.0)


@pytest.fixture
def hook() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as receiver:
        yield receiver


@pytest.fixture
def sender(hook) -> Iterator[Sender]:
    made = Sender(WebhookConfig(url=hook.url, secret=hook.secret))
    yield made
    made.close()


def test_a_message_is_json_with_its_key_and_a_signature(hook, sender):
    sender.send(DELIVERY)
    request = hook.requests[0]
    assert request.payload == {"sentence": "Größe"}
    assert request.key == DELIVERY.key
    assert request.headers["Content-Type"] == "application/json"
    assert request.is_genuine


def test_a_signature_holds_for_one_body_one_time_and_one_secret():
    good = {
        "signature": sign(b"{}", secret="s", timestamp="1000"),
        "timestamp": "1000",
        "secret": "s",
        "now": 1000.0,
    }
    assert verify_signature(b"{}", **good)
    assert not verify_signature(b"{ }", **good)
    assert not verify_signature(b"{}", **good | {"secret": "t"})
    assert not verify_signature(b"{}", **good | {"timestamp": "1001"})
    assert not verify_signature(b"{}", **good | {"signature": "sha256=ünk"})
    assert not verify_signature(b"{}", **good | {"timestamp": "soon"})
    assert not verify_signature(b"{}", **good | {"now": 1301.0})
    assert verify_signature(b"{}", **good | {"now": 1301.0, "tolerance_seconds": 302.0})


def test_without_a_secret_nothing_is_signed(hook):
    sender = Sender(WebhookConfig(url=hook.url))
    sender.send(DELIVERY)
    sender.close()
    assert "X-Normalcy-Signature" not in hook.requests[0].headers


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (500, Trouble.AWAY),
        (502, Trouble.AWAY),
        (429, Trouble.AWAY),
        (425, Trouble.AWAY),
        (408, Trouble.AWAY),
        (401, Trouble.MISCONFIGURED),
        (404, Trouble.MISCONFIGURED),
        (400, Trouble.REFUSED),
        (422, Trouble.REFUSED),
    ],
)
def test_what_an_answer_means(hook, sender, status, trouble):
    hook.behaviour = Behaviour(status=status)
    with pytest.raises(DeliveryError, match=f"HTTP {status}") as caught:
        sender.send(DELIVERY)
    assert caught.value.trouble is trouble


def test_no_redirect_is_followed(hook, sender):
    with webhook_receiver() as elsewhere:
        hook.behaviour = Behaviour(status=307, headers={"Location": elsewhere.url})
        with pytest.raises(DeliveryError, match="moved") as caught:
            sender.send(DELIVERY)
        assert not elsewhere.requests
    assert caught.value.trouble is Trouble.MISCONFIGURED


def test_a_receiver_that_does_not_answer_in_time_is_away(hook):
    hook.behaviour.hang.set()
    sender = Sender(WebhookConfig(url=hook.url, timeout_seconds=0.2))
    with pytest.raises(DeliveryError, match=r"no answer within 0.2 s") as caught:
        sender.send(DELIVERY)
    sender.close()
    assert caught.value.trouble is Trouble.AWAY


def test_a_connection_that_was_closed_meanwhile_is_opened_again(hook, sender):
    sender.send(DELIVERY)
    hook.down()
    with pytest.raises(DeliveryError, match="no connection"):
        sender.send(DELIVERY)
    hook.up()
    sender.send(DELIVERY)
    assert len(hook.accepted) == 2


def test_nothing_secret_is_in_an_error_or_a_log(caplog, monkeypatch, hook):
    monkeypatch.setenv("HOOK_TOKEN", "geheim")
    caplog.set_level(logging.DEBUG)
    url = hook.url + "?token=${HOOK_TOKEN}"
    good = Sender(WebhookConfig(url=url, secret="${HOOK_TOKEN}"))
    good.send(DELIVERY)
    assert hook.requests[0].path.endswith("token=geheim")
    hook.behaviour = Behaviour(status=500)
    with pytest.raises(DeliveryError) as unwelcome:
        good.send(DELIVERY)
    good.close()
    nobody = Sender(WebhookConfig(url=f"http://u:geheim@127.0.0.1:{free_port()}/${{HOOK_TOKEN}}"))
    with pytest.raises(DeliveryError) as away:
        nobody.send(DELIVERY)
    nobody.close()
    bad = Sender(WebhookConfig(url="http://[${HOOK_TOKEN}"))
    with pytest.raises(DeliveryError) as impossible:
        bad.send(DELIVERY)
    bad.close()
    said = [str(caught.value) for caught in (unwelcome, away, impossible)]
    assert "geheim" not in " ".join([*said, caplog.text])


def test_a_secret_that_is_not_there_is_named_and_not_its_place():
    with pytest.raises(ConfigError, match="NO_SUCH_SECRET is not set"):
        Sender(WebhookConfig(url="http://x/${NO_SUCH_SECRET}"))


def test_a_date_to_come_back_at_is_honoured(hook):
    hook.behaviour = Behaviour(status=503, headers={"Retry-After": "Thu, 01 Jan 1970 00:02:00 GMT"})
    sender = Sender(WebhookConfig(url=hook.url), clock=lambda: 100.0)
    with pytest.raises(DeliveryError) as caught:
        sender.send(DELIVERY)
    sender.close()
    assert caught.value.retry_after_seconds == 20.0


@pytest.mark.parametrize("length", ["1000000000", "3"])
def test_what_was_accepted_has_arrived_even_if_the_answer_breaks_off(hook, length):
    hook.behaviour = Behaviour(headers={"Content-Length": length})
    sender = Sender(WebhookConfig(url=hook.url, timeout_seconds=1.0))
    sender.send(DELIVERY)
    sender.send(DELIVERY)
    sender.close()
    assert len(hook.accepted) == 2

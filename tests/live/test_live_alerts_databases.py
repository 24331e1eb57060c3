"""What sending asks the outbox means the same in both databases."""

import time
from pathlib import Path

from live_alerts import Loop, Outbox, an_event, live_config
from live_receivers import wait_until, webhook_receiver

from normalcy.live.alerts import sender

pytest_plugins = ["live_databases"]


def test_order_and_rate_limit_hold_in_every_database(database_url: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sender, "_NEWCOMER_SECONDS", -7200.0)  # a summary is dated to the end of its hour
    outbox = Outbox(tmp_path, now=time.time, url=database_url)
    with webhook_receiver() as hook:
        config = live_config(webhooks={"guard": {"url": hook.url}}, per_camera_per_hour=3)
        event = an_event(media="door/today/one")
        first = outbox.tell(event, "event.opened", config, store=True)
        first += outbox.tell(event, "event.closed", config)
        with Loop(outbox, config) as loop:
            outbox.wait_for(first)
            more = outbox.burst(5, config)
            loop.ring()
            wait_until(lambda: [outbox.states()[key] for key in more] == ["sent"] * 2 + ["held"] * 3)
            loop.say({"config": live_config()})
            summaries = [row.key for row in outbox.rows() if row.kind == "alerts.held"]
            outbox.wait_for(summaries, state="dead")
        assert hook.keys == [*first, *more[:2]]
        assert len(summaries) == 1
    outbox.store.close()

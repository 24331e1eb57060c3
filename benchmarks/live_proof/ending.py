"""The end of an engine that faults befell: everything is sent, stopped, looked at and counted."""

from live_proof.audit import Audit, audit
from live_proof.ledger import read_table
from live_proof.processes import left_blocks, of_session
from live_proof.site import Site
from live_proof.soundness import store_troubles
from live_proof.waiting import NotRecovered, wait_until

_GONE_SECONDS = 10.0


def finish(site: Site) -> tuple[Audit, list[str]]:
    """Lets all alerts go out, stops the engine, and counts; also what else is not as it should be."""
    troubles = [*_unsettled(site), *_stopped(site)]
    site.ledger.look()
    events, outbox = (read_table(site.database, table) for table in ("events", "outbox"))
    found = audit(site.ledger.events, events, outbox, genuine=list(site.receiver.genuine))
    unsigned = [f"{key} was not signed rightly" for key in site.receiver.refused]
    checked = store_troubles(site.config, site.notes)
    return found, [*troubles, *site.ledger.regressions, *unsigned, *_left_behind(site), *checked]


def _unsettled(site: Site) -> list[str]:
    try:
        wait_until("every alert is sent", lambda: not _waiting(site))
        wait_until("every open event is owned", lambda: not _unowned(site))
    except NotRecovered as error:
        return [str(error)]
    return []


def _waiting(site: Site) -> list[str]:
    return [row["key"] for row in read_table(site.database, "outbox") if row["state"] == "waiting"]


def _unowned(site: Site) -> set[str]:
    """Open events that no camera goes on with."""
    opened = {row["id"] for row in read_table(site.database, "events") if row["state"] == "open"}
    return opened - {camera["event"] for camera in site.engine.cameras().values()}


def _stopped(site: Site) -> list[str]:
    site.watcher.judge(on=False)
    code = site.engine.stop()
    site.watcher.stop()
    if code is None:
        return ["the engine did not stop, and was killed"]
    return [f"the engine ended with exit code {code}"] if code else []


def _left_behind(site: Site) -> list[str]:
    troubles = []
    try:
        wait_until("no process is left", lambda: not _processes(site), seconds=_GONE_SECONDS)
    except NotRecovered as error:
        troubles.append(str(error))
    if blocks := sorted(left_blocks(site.engine.blocks)):
        troubles.append(f"shared memory was left behind: {', '.join(blocks)}")
    return troubles


def _processes(site: Site) -> list[int]:
    return [pid for session in site.engine.sessions for pid in of_session(session)]

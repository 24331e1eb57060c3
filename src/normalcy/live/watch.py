"""The whole of `normalcy watch`: supervisor and dashboard, from start to stop."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from normalcy.errors import OutputError
from normalcy.live.config.live import LiveConfig
from normalcy.live.processes import keep_imported
from normalcy.live.supervision.config_file import ConfigFile
from normalcy.live.supervision.desk import FrontDesk
from normalcy.live.supervision.supervisor import Supervisor
from normalcy.live.web.server import WebServer

_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Watching:
    """An engine that runs.

    Attributes:
        supervisor: Of its processes.
        desk: What the dashboard asks.
        url: Of the dashboard; none without one.
    """

    supervisor: Supervisor
    desk: FrontDesk
    url: str | None


@contextlib.contextmanager
def watching(
    config: LiveConfig,
    *,
    file: ConfigFile | None = None,
    log_json: bool = False,
    told_to_stop: threading.Event | None = None,
) -> Iterator[Watching]:
    """Runs the engine and its dashboard while the block does; events are closed and stored on the way out.

    Args:
        config: What to do.
        file: Where that is written and may change.
        log_json: Logs are JSON lines.
        told_to_stop: Once it is set, an engine that holds the database is not waited for.
    """
    supervisor = Supervisor(config, file=file, log_json=log_json, told_to_stop=told_to_stop)
    desk = FrontDesk(supervisor)
    with contextlib.ExitStack() as stack:
        stack.callback(supervisor.stop)
        url = None
        if config.web.enabled:
            url = stack.enter_context(WebServer(desk, supervisor.store, supervisor.media)).url
            supervisor.address = url
        supervisor.start()
        yield Watching(supervisor, desk, url)


def watch(
    config: LiveConfig,
    *,
    file: ConfigFile | None = None,
    log_json: bool = False,
    on_start: Callable[[Watching], None],
) -> None:
    """Runs until somebody presses Ctrl-C or the system asks to stop.

    Args:
        config: What to do.
        file: Where that is written and may change.
        log_json: Logs are JSON lines.
        on_start: Called once everything is started.

    Raises:
        EngineFailed: A stage was given up; everything else was stopped gently before.
        RunFolderBusy: Another engine uses the data folder or the database.
        OutputError: Something was not stored before the end.
    """
    stopping = threading.Event()
    running_engine = watching(config, file=file, log_json=log_json, told_to_stop=stopping)
    with _told_to_stop(stopping), running_engine as running:
        on_start(running)
        keep_imported()
        while not stopping.wait(_LOOK_SECONDS):
            if running.supervisor.failure is not None:
                break
        failure = running.supervisor.failure
    if failure is not None:
        raise failure
    if not running.supervisor.is_stored:
        raise OutputError(
            "not everything was stored before the end", hint="The log says what was lost, and why"
        )


@contextlib.contextmanager
def _told_to_stop(stopping: threading.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM stop gently; a second one has no other effect, since the way out has limits of its own."""
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {each: signal.signal(each, lambda *_: stopping.set()) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)

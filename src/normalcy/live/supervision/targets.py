"""What the processes of the engine run. Each is called with its job, `stop`, `control` and the bells that it needs."""

import contextlib
import logging
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Semaphore

from normalcy.errors import NormalcyError
from normalcy.live.alerts.outbox_loop import AlertsJob, run_alerts
from normalcy.live.bells import Bell, StopFlag
from normalcy.live.cameras.processes import end_with_parent
from normalcy.live.engine.inference import InferenceJob, run_inference
from normalcy.live.logs import log_to_standard_error
from normalcy.live.supervision.stage import LastWords

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Logged:
    """A job, and how its process logs."""

    job: InferenceJob | AlertsJob
    as_json: bool


def inference(
    task: Logged, *, doorbell: Bell, alerts_bell: Bell, stop: StopFlag, control: Connection
) -> None:
    """Frames of all cameras into events."""
    _begin(task, stop)
    assert isinstance(task.job, InferenceJob)
    with last_words(control):
        run_inference(task.job, doorbell=doorbell, alerts_bell=alerts_bell, stop=stop, control=control)


def alerts(task: Logged, *, doorbell: Semaphore, stop: StopFlag, control: Connection) -> None:
    """Messages out of the house."""
    _begin(task, stop)
    assert isinstance(task.job, AlertsJob)
    with last_words(control):
        run_alerts(task.job, doorbell, stop, control)


@contextlib.contextmanager
def last_words(control: Connection) -> Iterator[None]:
    """Tells the supervisor why a process ends, where that is something a person can mend."""
    try:
        yield
    except NormalcyError as error:
        logger.error("%s", error)
        with contextlib.suppress(OSError):
            control.send(LastWords(str(error)))
        raise SystemExit(error.exit_code) from error


def _begin(task: Logged, stop: StopFlag) -> None:
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor takes it
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    log_to_standard_error(as_json=task.as_json)
    logging.captureWarnings(True)

"""The capture process of one camera: opens its source, puts its frames into shared memory, and opens it again.

One thread opens and reads; FFmpeg may hold it up for as long as the time-outs say. The other one notices silence, and
is there to be asked to stop.
"""

import logging
import os
import threading
from multiprocessing.connection import Connection

from normalcy.live.bells import Bell
from normalcy.live.cameras.connections import CaptureJob, Connections
from normalcy.live.frames.memory import CameraMemory
from normalcy.live.processes import Stop

__all__ = ["CaptureJob", "capture", "run_capture"]

_WATCH_SECONDS = 0.1
_LET_GO_SECONDS = 0.3


def run_capture(job: CaptureJob, *, doorbell: Bell, stop: Stop, control: Connection) -> None:
    """What the process does (see `processes.run_stage`): captures until it is told to stop.

    Args:
        job: What to capture.
        doorbell: Rung for every frame that can be scored.
        stop: Ends it.
        control: Nothing is said over it: for another configuration, another process is started.
    """
    if not capture(job, doorbell=doorbell, stop=stop):
        logging.shutdown()
        os._exit(0)  # a thread hangs in FFmpeg, where nothing else reaches it


def capture(job: CaptureJob, *, doorbell: Bell, stop: Stop) -> bool:
    """Captures until it is told to stop, also where there is nothing more to capture.

    Returns:
        Whether everything was let go. Where not, a decoder hangs in a call, and the process has to be ended.
    """
    memory = CameraMemory.attach(job.memory)
    connections = Connections(job, memory, doorbell, stop)
    decoding = threading.Thread(target=connections.run, name="decode", daemon=True)
    decoding.start()
    while decoding.is_alive() and not stop.is_set():
        connections.life.stall_if_silent()
        decoding.join(_WATCH_SECONDS)
    if not stop.is_set() and connections.failure is None:
        connections.rest()
    decoding.join(_LET_GO_SECONDS)
    if decoding.is_alive():
        return False
    if connections.failure is not None:
        raise connections.failure
    memory.close()
    return True

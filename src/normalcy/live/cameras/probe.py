"""Trying a source: what comes from it, or why nothing does."""

from contextlib import closing
from multiprocessing.connection import Connection

from normalcy.config import build_config
from normalcy.engines.lifetime import end_with_parent
from normalcy.errors import NormalcyError
from normalcy.live.cameras.sources import find_camera_source, open_camera, reading_options
from normalcy.live.config.camera import CameraConfig
from normalcy.live.processes import CONTEXT
from normalcy.live.status import ProbeResult
from normalcy.video.contract import VideoInfo
from normalcy.video.jpeg import encoded

_START_SECONDS = 10.0
_KILL_SECONDS = 5.0


def probe_source(source: str, *, transport: str = "tcp", timeout_seconds: float) -> ProbeResult:
    """Opens a source in a process of its own, and shows its first picture.

    Args:
        source: As a camera's configuration names it.
        transport: How RTSP travels.
        timeout_seconds: The process is killed after that, and the time that it takes to start.

    Raises:
        ConfigError: No camera can be configured so.
    """
    settings = {"source": source, "transport": transport}
    limits = {"open_timeout_seconds": timeout_seconds, "read_timeout_seconds": timeout_seconds}
    config = build_config(CameraConfig, settings | limits, where="source")
    receiving, sending = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_probe, args=(config, sending), name="probe", daemon=True)
    process.start()
    sending.close()
    try:
        return _answer(receiving, timeout_seconds)
    finally:
        process.kill()
        process.join(_KILL_SECONDS)
        process.close()
        receiving.close()


def _answer(receiving: Connection, timeout_seconds: float) -> ProbeResult:
    if not receiving.poll(timeout_seconds + _START_SECONDS):
        return ProbeResult(False, f"No picture came within {timeout_seconds:g} s.")
    try:
        result = receiving.recv()
    except EOFError:
        return ProbeResult(False, "What came from it broke the decoder.")
    assert isinstance(result, ProbeResult)
    return result


def _probe(config: CameraConfig, sending: Connection) -> None:
    end_with_parent()
    sending.send(_first_picture(config))


def _first_picture(config: CameraConfig) -> ProbeResult:
    try:
        source = find_camera_source(config)
        with closing(open_camera(source, reading_options(source, config))) as reader:
            lazy = next(reader.lazily())
            preview_HWC = lazy.preview()
            jpeg = None if preview_HWC is None else encoded(preview_HWC)
            return ProbeResult(True, _described(reader.info), jpeg)
    except NormalcyError as error:
        return ProbeResult(False, f"{error.what}. {error.hint}".strip())
    except Exception as error:
        # Whatever decoders raise; not shown as it is, since it may hold the URL.
        return ProbeResult(False, f"It cannot be read ({type(error).__name__}).")


def _described(info: VideoInfo) -> str:
    """In words: `1280x720, 25 frames per second, h264`."""
    return f"{info.width_px}x{info.height_px}, {info.fps:g} frames per second, {info.codec}"

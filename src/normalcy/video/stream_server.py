"""Serves a video over HTTP as a camera would: motion JPEG at its own speed, over and over.

For trying things out without a camera. It can go away and come back, as real cameras do.
"""

import itertools
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from normalcy.video.jpeg import encoded
from normalcy.video.reader import open_video

_BOUNDARY = "frame"
_QUALITY = 90


class StreamServer:
    """One video as a stream on a free port of this machine.

    Args:
        path: Of the video.
        fps: Pictures per second; that of the video without.
    """

    def __init__(self, path: Path, *, fps: float | None = None) -> None:
        self._jpegs, found_fps = _jpegs(path)
        self.fps = fps or found_fps
        self._is_away = threading.Event()
        self._is_closed = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="stream", daemon=True)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/stream.mjpg"

    def go_away(self) -> None:
        """Breaks off what it sends, and answers nobody."""
        self._is_away.set()

    def come_back(self) -> None:
        """Answers again."""
        self._is_away.clear()

    @property
    def is_away(self) -> bool:
        """Whether it answers nobody."""
        return self._is_away.is_set() or self._is_closed.is_set()

    def pictures(self) -> Iterator[bytes]:
        """JPEGs in real time, until it goes away."""
        started = time.monotonic()
        for number, jpeg in enumerate(itertools.cycle(self._jpegs)):
            late = time.monotonic() - started - number / self.fps
            if self._is_closed.wait(max(0.0, -late)) or self.is_away:
                return
            yield jpeg

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_closed.set()
        self._server.shutdown()
        self._server.server_close()


def _handler(stream: StreamServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if stream.is_away:
                self.send_error(503)
                return
            self.send_response(200)
            self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
            self.end_headers()
            try:
                for jpeg in stream.pictures():
                    head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    self.wfile.write(head.encode() + jpeg + b"\r\n")
            except OSError:
                return  # whoever watched is gone

        def log_message(self, format: str, *arguments: object) -> None:
            """Says nothing: the capture process tells what became of it."""

    return Handler


def _jpegs(path: Path) -> tuple[list[bytes], float]:
    with open_video(path) as video:
        pictures = [encoded(frame.image_HWC, quality=_QUALITY) for frame in video]
        return pictures, video.info.fps

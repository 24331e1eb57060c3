"""HTTP Live Streaming on loopback: a playlist that moves on, and segments of a second each.

For example:
    with HlsStream(folder) as stream:
        open_video(stream.url)
        stream.freeze()
"""

import functools
import http.server
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
from live_senders import picture

FPS = 20
SEGMENT_SECONDS = 1
KEPT_SEGMENTS = 4
SIZE_PX = (120, 160)


class HlsStream:
    """Writes a moving picture into segments in real time, and serves them.

    Args:
        folder: Where playlist and segments lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._flowing, self._closing = threading.Event(), threading.Event()
        self._flowing.set()
        self._server = _server(folder)
        self._threads = [
            threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}),
            threading.Thread(target=self._write),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def url(self) -> str:
        """Of the playlist."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/live.m3u8"

    def freeze(self) -> None:
        """The packager hangs: its playlist stays as it is."""
        self._flowing.clear()

    def thaw(self) -> None:
        """It goes on where time is now."""
        self._flowing.set()

    def _write(self) -> None:
        options = {
            "hls_time": str(SEGMENT_SECONDS),
            "hls_list_size": str(KEPT_SEGMENTS),
            "hls_flags": "delete_segments+omit_endlist+temp_file",
        }
        with av.open(str(self._folder / "live.m3u8"), "w", format="hls", options=options) as container:
            stream = container.add_stream("libx264", rate=FPS)
            stream.height, stream.width = SIZE_PX
            stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, FPS)
            stream.options = {
                "preset": "ultrafast",
                "tune": "zerolatency",
                "g": str(FPS * SEGMENT_SECONDS),
            }
            started, sent = time.monotonic(), -1
            while not self._closing.is_set():
                now = int((time.monotonic() - started) * FPS)
                for index in range(sent + 1, now + 1) if self._flowing.is_set() else ():
                    frame = av.VideoFrame.from_ndarray(picture(index, SIZE_PX), "rgb24")
                    frame.pts, frame.time_base = index, Fraction(1, FPS)
                    container.mux(stream.encode(frame))
                sent = now
                time.sleep(0.005)

    def close(self) -> None:
        """Ends it."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _server(folder: Path) -> http.server.ThreadingHTTPServer:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    )
    server.daemon_threads = True
    return server

"""A camera on loopback with known anomalies: who connects sees what happens in the world just then."""

import socketserver
import threading
import time
from contextlib import suppress
from typing import Self

import tiny_scene
from normalcy.video.jpeg import encoded

FRAMES = 64
"""The square walks once there and back in so many frames, running on the way: the end joins the beginning."""
PERIOD_SECONDS = FRAMES / tiny_scene.FPS
RUN_SECONDS = tiny_scene.RUNS.start / tiny_scene.FPS, tiny_scene.RUNS.stop / tiny_scene.FPS
_BOUNDARY = b"--frame"


class WorldCamera:
    """Sends the scene of the tests as MJPEG over HTTP, over and over.

    Args:
        seed: Of its picture.
        delay_seconds: What happens in it happens so much later than in another one.
    """

    def __init__(self, *, seed: int = 7, delay_seconds: float = 0.0) -> None:
        images_THWC, _ = tiny_scene.scene(FRAMES, seed=seed, runs=tiny_scene.RUNS)
        self._jpegs = [encoded(image_HWC.repeat(3, axis=2)) for image_HWC in images_THWC]
        self._began = time.time() + delay_seconds - PERIOD_SECONDS
        self._closing = threading.Event()
        self._server = self._listen()
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/live"

    def anomalies(self, since: float, until: float) -> list[tuple[float, float]]:
        """From when to when the square ran, in seconds since 1970: those that lie within a time as a whole."""
        first = int((since - self._began) // PERIOD_SECONDS)
        last = int((until - self._began) // PERIOD_SECONDS)
        starts = [self._began + number * PERIOD_SECONDS for number in range(first, last + 1)]
        spans = [(start + RUN_SECONDS[0], start + RUN_SECONDS[1]) for start in starts]
        return [(start, end) for start, end in spans if since <= start and end <= until]

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self) -> socketserver.ThreadingTCPServer:
        camera = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    camera._send(self)

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        return server

    def _send(self, handler: socketserver.StreamRequestHandler) -> None:
        while handler.rfile.readline().strip():
            pass  # headers
        kind = b"multipart/x-mixed-replace; boundary=frame"
        handler.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: " + kind + b"\r\n\r\n")
        number = int((time.time() - self._began) * tiny_scene.FPS)
        while not self._closing.is_set():
            jpeg = self._jpegs[number % FRAMES]
            head = b"\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
            handler.connection.sendall(_BOUNDARY + head + jpeg + b"\r\n")
            number += 1
            self._closing.wait(max(0.0, self._began + number / tiny_scene.FPS - time.time()))

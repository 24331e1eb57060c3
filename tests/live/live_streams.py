"""A camera on loopback that misbehaves when it is told to.

For example:
    with FaultyStream("ts") as stream:
        open_video(stream.url)
        stream.cut()
"""

import random
import socket
import socketserver
import threading
import time
from contextlib import suppress
from typing import Literal, Self

from live_senders import Login, MjpegSender, RtpSender, Sender, TransportStreamSender, rtsp_handshake

Kind = Literal["mjpeg", "ts", "rtsp"]


class FaultyStream:
    """Sends a moving picture to whoever connects.

    Args:
        kind: `mjpeg` and `ts` over HTTP, or `rtsp`, over TCP or UDP as the client asks.
        fps: Frames per second.
        size_px: (height, width), both even.
        login: Whom an `rtsp` stream lets in; everybody without.

    Attributes:
        connections: How often somebody connected.
        frames: Sent so far, to all of them.
    """

    def __init__(
        self,
        kind: Kind = "mjpeg",
        *,
        fps: float = 60,
        size_px: tuple[int, int] = (120, 160),
        login: Login | None = None,
    ) -> None:
        self._kind, self._fps, self._size_px, self._login = kind, fps, size_px, login
        self._sockets: set[socket.socket] = set()
        self._flowing, self._closing, self._lock = threading.Event(), threading.Event(), threading.Lock()
        self._flowing.set()
        self._noise = random.Random(0)
        self._noise_bytes, self._is_mute, self._status = 0, False, 200
        self._started = time.monotonic()
        self.connections = self.frames = 0
        self._outlet = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._outlet.bind(("127.0.0.1", 0))
        self._server = self._listen()
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def _listen(self) -> socketserver.ThreadingTCPServer:
        stream = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                stream._handle(self)

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        return server

    @property
    def url(self) -> str:
        """Where it is."""
        port = self._server.server_address[1]
        return f"{'rtsp' if self._kind == 'rtsp' else 'http'}://127.0.0.1:{port}/live"

    def url_for(self, user: str, password: str) -> str:
        """With credentials, which only one with a login looks at."""
        return self.url.replace("://", f"://{user}:{password}@")

    # -- faults

    def cut(self) -> None:
        """Ends all connections; the next one is answered."""
        with self._lock:
            for each in self._sockets:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def stall(self) -> None:
        """Falls silent; connections stay."""
        self._flowing.clear()

    def resume(self) -> None:
        """Goes on, as if time had gone on while it was silent."""
        self._flowing.set()

    def garbage(self, size_bytes: int = 20_000) -> None:
        """Sends noise before the next frame of each connection."""
        with self._lock:
            self._noise_bytes = size_bytes

    def resize(self, size_px: tuple[int, int]) -> None:
        """Pictures have another size from now on."""
        self._size_px = size_px

    def mute(self, is_mute: bool = True) -> None:
        """Takes new connections and never answers: half-open."""
        self._is_mute = is_mute

    def refuse(self, status: int = 404) -> None:
        """Answers new connections with an HTTP error; 200 serves again."""
        self._status = status

    # -- serving

    def _handle(self, handler: socketserver.StreamRequestHandler) -> None:
        connection = handler.connection
        with self._lock:
            self.connections += 1
            self._sockets.add(connection)
        try:
            with suppress(OSError, ValueError):
                self._answer(handler)
        finally:
            with self._lock:
                self._sockets.discard(connection)

    def _answer(self, handler: socketserver.StreamRequestHandler) -> None:
        if self._is_mute:
            self._closing.wait()
            return
        sender = self._greet(handler)
        if sender is not None:
            self._send_frames(handler.connection, sender)

    def _greet(self, handler: socketserver.StreamRequestHandler) -> Sender | None:
        connection = handler.connection
        if self._kind == "rtsp":
            read_line = handler.rfile.readline
            send = rtsp_handshake(connection, read_line, outlet=self._outlet, login=self._login)
            return None if send is None else RtpSender(send, self._fps)
        while handler.rfile.readline().strip():
            pass  # headers
        if self._status != 200:
            connection.sendall(f"HTTP/1.1 {self._status} No\r\nContent-Length: 0\r\n\r\n".encode())
            return None
        kind = MjpegSender if self._kind == "mjpeg" else TransportStreamSender
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: {kind.content_type}\r\n\r\n".encode())
        return kind(connection.sendall, self._fps)

    def _send_frames(self, connection: socket.socket, sender: Sender) -> None:
        sent = -1
        while not self._closing.is_set():
            index = int((time.monotonic() - self._started) * self._fps)
            if index == sent or not self._flowing.is_set():
                time.sleep(0.005)
                continue
            self._send_noise(connection)
            sender.send(index, self._size_px)
            sent = index
            with self._lock:
                self.frames += 1

    def _send_noise(self, connection: socket.socket) -> None:
        with self._lock:
            noise, self._noise_bytes = self._noise.randbytes(self._noise_bytes), 0
        if noise:
            connection.sendall(noise)

    def close(self) -> None:
        """Ends it."""
        self._closing.set()
        self.cut()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._outlet.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

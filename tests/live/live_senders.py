"""How a faulty stream sends its pictures: motion JPEG, MPEG transport stream, or H.264 in RTP over RTSP."""

import hashlib
import io
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import av
import cv2
import numpy as np

Send = Callable[[bytes], None]
START_CODE = re.compile(rb"\x00\x00\x00?\x01")
RTP_CLOCK = 90_000


def picture(index: int, size_px: tuple[int, int]) -> np.ndarray:
    """A square that moves a bit with every frame."""
    height, width = size_px
    image_HWC = np.full((height, width, 3), 90, np.uint8)
    left = index * 4 % (width - width // 4)
    image_HWC[height // 4 : height // 2, left : left + width // 4] = (230, 200, 60)
    return image_HWC


class Sender(Protocol):
    def send(self, index: int, size_px: tuple[int, int]) -> None:
        """Sends the frame of an index."""


class MjpegSender:
    """`multipart/x-mixed-replace`, as cheap cameras send it: without timestamps."""

    content_type = "multipart/x-mixed-replace; boundary=frame"

    def __init__(self, send: Send, fps: float) -> None:
        self._send = send

    def send(self, index: int, size_px: tuple[int, int]) -> None:
        _, encoded = cv2.imencode(".jpg", picture(index, size_px))
        jpeg = encoded.tobytes()
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        self._send(head.encode() + jpeg + b"\r\n")


class H264Encoder:
    """Packets of one size; each encoder starts with a key frame that holds its parameters."""

    def __init__(self, size_px: tuple[int, int], fps: float) -> None:
        self.size_px = size_px
        self._context = av.CodecContext.create("libx264", "w")
        self._context.height, self._context.width = size_px
        self._context.pix_fmt, self._context.time_base = "yuv420p", Fraction(1, RTP_CLOCK)
        self._context.framerate = Fraction(fps).limit_denominator(1000)
        options = {"preset": "ultrafast", "tune": "zerolatency", "threads": "1"}
        self._context.options = options | {"g": str(max(1, round(fps))), "x264-params": "sliced-threads=0"}

    def encode(self, image_HWC: np.ndarray, pts: int) -> list[av.Packet]:
        frame = av.VideoFrame.from_ndarray(image_HWC, "rgb24")
        frame.pts, frame.time_base = pts, Fraction(1, RTP_CLOCK)
        return self._context.encode(frame)


class _H264Sender:
    def __init__(self, send: Send, fps: float) -> None:
        self._send, self._fps = send, fps
        self._encoder: H264Encoder | None = None

    def send(self, index: int, size_px: tuple[int, int]) -> None:
        if self._encoder is None or self._encoder.size_px != size_px:
            self._encoder = H264Encoder(size_px, self._fps)
            self._begin(size_px)
        pts = round(index * RTP_CLOCK / self._fps)
        for packet in self._encoder.encode(picture(index, size_px), pts):
            self._pass_on(packet)


class TransportStreamSender(_H264Sender):
    """H.264 in an MPEG transport stream."""

    content_type = "video/mp2t"

    def _begin(self, size_px: tuple[int, int]) -> None:
        self._buffer = io.BytesIO()
        options = {"flush_packets": "1"}
        self._container = av.open(self._buffer, "w", format="mpegts", options=options)
        self._stream = self._container.add_stream("libx264", rate=round(self._fps))
        self._stream.height, self._stream.width = size_px
        self._stream.pix_fmt = "yuv420p"

    def _pass_on(self, packet: av.Packet) -> None:
        packet.stream = self._stream
        self._container.mux(packet)
        self._send(self._buffer.getvalue())
        self._buffer.seek(0)
        self._buffer.truncate()


class RtpSender(_H264Sender):
    """H.264 in RTP, a packet for each NAL unit."""

    _sequence = 0

    def _begin(self, size_px: tuple[int, int]) -> None:
        """The parameters travel in the stream."""

    def _pass_on(self, packet: av.Packet) -> None:
        units = [unit for unit in START_CODE.split(bytes(packet)) if unit]
        for number, unit in enumerate(units):
            marker = 0x80 if number == len(units) - 1 else 0
            head = struct.pack(">BBHII", 0x80, marker | 96, self._sequence, packet.pts & 0xFFFFFFFF, 1)
            self._sequence = (self._sequence + 1) % 0x10000
            self._send(head + unit)


SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=faulty\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\nc=IN IP4 0.0.0.0\r\n"
    "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track1\r\n"
)


@dataclass(frozen=True)
class Login:
    """A user whom a camera asks for by digest, as RFC 7616 describes it with MD5."""

    user: str
    password: str
    realm: str = "camera"
    nonce: str = "0123456789abcdef"

    @property
    def challenge(self) -> str:
        return f'WWW-Authenticate: Digest realm="{self.realm}", nonce="{self.nonce}"\r\n'

    def lets_in(self, method: str, authorization: str) -> bool:
        said = dict(re.findall(r'(\w+)="([^"]*)"', authorization))
        whoever = _md5(f"{self.user}:{self.realm}:{self.password}")
        wanted = _md5(f"{method}:{said.get('uri', '')}")
        return said.get("response") == _md5(f"{whoever}:{self.nonce}:{wanted}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def rtsp_handshake(
    connection: socket.socket,
    read_line: Callable[[], bytes],
    *,
    outlet: socket.socket,
    login: Login | None = None,
) -> Send | None:
    """Answers an RTSP client up to PLAY; returns how RTP packets are sent, or None where the client went away.

    `outlet` is where UDP packets leave; without `login` anybody is let in.
    """
    send: Send | None = None
    while request := read_line().decode():
        method, url, _ = request.split()
        headers = dict(line.split(": ", 1) for line in iter(lambda: read_line().decode().strip(), ""))
        if login and method != "OPTIONS" and not login.lets_in(method, headers.get("Authorization", "")):
            refusal = f"RTSP/1.0 401 Unauthorized\r\nCSeq: {headers['CSeq']}\r\n{login.challenge}\r\n"
            connection.sendall(refusal.encode())
            continue
        extra, body = "", ""
        if method == "DESCRIBE":
            extra, body = f"Content-Base: {url}/\r\nContent-Type: application/sdp\r\n", SDP
        if method == "SETUP":
            extra, send = _transport(connection, headers["Transport"], outlet)
        reply = (
            f"RTSP/1.0 200 OK\r\nCSeq: {headers['CSeq']}\r\nSession: 1\r\nPublic: DESCRIBE, SETUP, PLAY\r\n"
        )
        connection.sendall(f"{reply}{extra}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        if method == "PLAY":
            return send
    return None


def _transport(connection: socket.socket, asked: str, outlet: socket.socket) -> tuple[str, Send]:
    if "TCP" in asked:
        return f"Transport: {asked}\r\n", lambda data: connection.sendall(
            struct.pack(">cBH", b"$", 0, len(data)) + data
        )
    port = int(asked.partition("client_port=")[2].partition("-")[0])
    own = outlet.getsockname()[1]

    def send(data: bytes) -> None:
        if is_shut(connection):
            raise ConnectionError
        outlet.sendto(data, ("127.0.0.1", port))

    return f"Transport: {asked};server_port={own}-{own + 1}\r\n", send


def is_shut(connection: socket.socket) -> bool:
    """Whether either side ended it; what the client says meanwhile stays unread."""
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False

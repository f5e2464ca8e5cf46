"""What hypothesis makes up to break a server: forms, WebSocket bytes, headers of images.

Run ``python -m tests.serve.fuzz SECONDS`` for longer than the tests do, on a server of its own.
"""

import http.client
import json
import socket
import struct
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import draw_shape
from tests.serve.conftest import encoded

Send = Callable[[int, bytes], None]
"""Sends made-up bytes to a port, and checks the answer."""

KIND = "multipart/form-data; boundary=frame"
_PIECES = (
    *(b"--frame", b"--frame--", b"--fram", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\0", b'"', b";", b"="),
    *(b"Content-Disposition: form-data", b'; name="image"', b'; filename="a.png"', b"; filename*=utf-8''%00"),
    *(b"Content-Type: image/png", b"Content-Transfer-Encoding: base64", b"Content-Length: -1"),
    encoded(draw_shape(0, 1, 0), "PNG"),
)
forms = st.lists(st.one_of(st.sampled_from(_PIECES), st.binary(max_size=30)), max_size=40).map(b"".join)


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """Make WebSocket frames: any opcode, flags and length, masked or not, whole or cut off."""
    found = b""
    for _ in range(draw(st.integers(1, 12))):
        data = draw(st.one_of(st.binary(max_size=200), st.just(b'{"mirrored": true}')))
        stated = draw(st.one_of(st.just(len(data)), st.integers(0, 2**63)))
        first = draw(
            st.one_of(st.sampled_from([0x81, 0x82, 0x02, 0x00, 0x80, 0x88, 0x89]), st.integers(0, 255))
        )
        mask = draw(st.sampled_from([0x80, 0x80, 0x80, 0]))
        if stated < 126:
            length = struct.pack(">B", mask | stated)
        elif stated < 65_536:
            length = struct.pack(">BH", mask | 126, stated)
        else:
            length = struct.pack(">BQ", mask | 127, stated)
        found += bytes([first]) + length + (bytes(4) if mask else b"") + data
    return found


_SIDES = st.one_of(st.integers(7_000, 65_535), st.sampled_from([0, 1, 8_192, 16_383, 32_768, 65_535]))


@st.composite
def giants(draw: st.DrawFn) -> bytes:
    """Make images whose headers claim giant or impossible sides."""
    width, height, rest = draw(_SIDES), draw(_SIDES), draw(st.binary(max_size=60))

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    def webp(kind: bytes, data: bytes) -> bytes:
        body = b"WEBP" + kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        return b"RIFF" + struct.pack("<I", len(body)) + body

    depth, colour = draw(st.sampled_from([1, 8, 16])), draw(st.sampled_from([0, 2, 3, 4, 6]))
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, draw(st.integers(0, 1)))
    photo = bytearray(encoded(draw_shape(0, 1, 0), "JPEG", progressive=draw(st.booleans())))
    place = next(at for mark in (b"\xff\xc0", b"\xff\xc2") if (at := photo.find(mark)) >= 0)
    photo[place + 5 : place + 9] = struct.pack(">HH", height, width)
    small = struct.pack("<HH", width & 0x3FFF, height & 0x3FFF)
    lossless = struct.pack("<I", (width & 0x3FFF) | (height & 0x3FFF) << 14)
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in ((256, width), (257, height)))
    return draw(
        st.sampled_from(
            [
                b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rest)),
                bytes(photo) + rest,
                b"GIF89a"
                + struct.pack("<HHBBB", width, height, 128, 0, 0)
                + bytes(6)
                + b","
                + bytes(9)
                + rest,
                webp(b"VP8 ", b"\x10\0\0\x9d\x01\x2a" + small + rest),
                webp(b"VP8L", b"\x2f" + lossless + rest),
                webp(b"VP8X", bytes(4) + struct.pack("<I", width)[:3] + struct.pack("<I", height)[:3] + rest),
                b"BM" + struct.pack("<IHHIIiiHH", 99, 0, 0, 54, 40, width, -height, 1, 24) + bytes(24) + rest,
                b"II*\0" + struct.pack("<IH", 8, 2) + tags + bytes(4) + rest,
            ]
        )
    )


def post(port: int, body: bytes, *, kind: str = "application/octet-stream") -> None:
    """Send a body; the answer must be a prediction, or an error that says what was wrong."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/v1/predict", body, {"Content-Type": kind})
        answer = connection.getresponse()
        found = json.loads(answer.read())
        assert answer.status == 200 or (400 <= answer.status < 500 and found["message"]), found
    finally:
        connection.close()


def talk(port: int, data: bytes) -> None:
    """Send bytes over a WebSocket, whatever comes back; the server must still answer afterwards."""
    from tests.serve.test_connections import upgraded

    with upgraded(port) as connection, suppress(OSError):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65_536):
            pass
    health = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    health.request("GET", "/healthz")
    assert health.getresponse().status == 200
    health.close()


FUZZ: dict[str, tuple[st.SearchStrategy[bytes], Send]] = {
    "forms": (forms, partial(post, kind=KIND)),
    "frames": (frames(), talk),
    "giants": (giants(), post),
}


def fuzz(what: str, port: int, count: int) -> None:
    """Send so many made-up things of a kind."""
    strategy, send = FUZZ[what]

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def one(data: bytes) -> None:
        send(port, data)

    one()


def main() -> None:
    """Fuzz each kind for some seconds."""
    from tests.serve.conftest import serving

    from handshape.serve.loaded_recogniser import load_for_serving

    with serving(load_for_serving("asl")) as server:
        for what in FUZZ:
            end, sent = time.monotonic() + float(sys.argv[1]), 0
            while time.monotonic() < end:
                fuzz(what, server.port, 500)
                sent += 500
            print(f"{what}: {sent} sent, nothing found", flush=True)


if __name__ == "__main__":
    main()

"""Hostile uploads; every one has to be refused."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.conftest import draw_shape
from tests.serve.conftest import encoded, form, many_scans, noise

IMAGES = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
NAMES = (
    "../../../etc/passwd",
    "..\\..\\windows\\system32\\hand.png",
    "/etc/cron.d/hand",
    "file:///etc/../hand.png",
    "hand.png\0.sh",
    "a/../../b.png",
    "hand\r\n.png",
)


@dataclass(frozen=True)
class Hostile:
    """One upload: what it is, its content type and its body."""

    kind: str
    content_type: str
    body: bytes


def uploads(count: int, seed: int = 0) -> Iterator[Hostile]:
    """Make uploads of all kinds in turn, no two alike."""
    rng = random.Random(seed)
    for number in range(count):
        name, make = KINDS[number % len(KINDS)]
        content = make(rng)
        if isinstance(content, Hostile):
            yield content
        elif rng.random() < 0.5:
            yield Hostile(name, rng.choice(["image/png", "image/jpeg", "application/octet-stream"]), content)
        else:
            body, kind = form(("image", rng.choice(["hand.png", "", *NAMES]), content))
            yield Hostile(name, kind, body)


def _random_bytes(rng: random.Random) -> bytes:
    return rng.randbytes(rng.choice([0, 1, 10, 1000, 50_000]))


def _magic_and_random_bytes(rng: random.Random) -> bytes:
    magic = (
        b"\xff\xd8\xff\xe0\x00\x10JFIF\0",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"BM",
        b"RIFF\0\1\0\0WEBPVP8 ",
    )
    return rng.choice(magic) + rng.randbytes(rng.choice([0, 20, 5000]))


def _truncated(rng: random.Random) -> bytes:
    whole = encoded(draw_shape(rng.randrange(3), rng.randrange(9), rng.randrange(99)), rng.choice(IMAGES))
    return whole[: rng.randrange(1, len(whole) * 4 // 5)]


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(width: int, height: int, *chunks: bytes) -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + _chunk(b"IEND", b"")


_ZEROS = zlib.compress(bytes(20_000_000), 9)  # 20 kB that become 20 MB


def _bomb(rng: random.Random) -> bytes:
    """More pixels than may be, promised by a head or really there in few bytes."""
    width, height = rng.randrange(8_000, 60_000), rng.randrange(8_000, 60_000)
    makes: tuple[Callable[[], bytes], ...] = (
        lambda: _png(width, height, _chunk(b"IDAT", _ZEROS)),
        lambda: (
            b"GIF89a" + struct.pack("<HHBBB", width, height, 128, 0, 0) + bytes(6) + b"," + bytes(9) + b"\2;"
        ),
        lambda: b"BM" + struct.pack("<IHHIIiiHH", 99, 0, 0, 54, 40, width, height, 1, 24) + bytes(24),
        lambda: _resized_jpeg(width, height),
        lambda: _png(2, 2, _chunk(b"iCCP", b"x\0\0" + _ZEROS), _chunk(b"zTXt", b"y\0\0" + _ZEROS * 3)),
        lambda: _png(2, 2_000, _chunk(b"IDAT", zlib.compress(bytes(5)))),
    )
    return rng.choice(makes)()


def _resized_jpeg(width: int, height: int) -> bytes:
    photo = bytearray(encoded(draw_shape(0, 1, 0), "JPEG"))
    place = photo.index(b"\xff\xc0")
    photo[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(photo)


def _scans(rng: random.Random) -> bytes:
    return many_scans(64, rng.randrange(110, 3000))


def _archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../hand.png", bytes(1_000_000))
    return file.getvalue()


def _another_type(rng: random.Random) -> bytes:
    kinds = (
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
        b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\n",
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"\x7fELF\2\1\1\0",
        b"#!/bin/sh\nrm -rf /\n",
        b"\x80\x04\x95\x1a\0\0\0\0\0\0\0\x8c\x05posix\x8c\x06system\x93.",
        encoded(draw_shape(0, 1, 0), "TIFF"),
        encoded(draw_shape(0, 1, 0), "PPM"),
        encoded(draw_shape(0, 1, 0), "ICO"),
        _archive(),
    )
    return rng.choice(kinds) + rng.randbytes(rng.randrange(8))


def _strange_name(rng: random.Random) -> Hostile:
    body, kind = form(("image", rng.choice(NAMES), encoded(draw_shape(0, 1, rng.randrange(99)), "PNG")))
    return Hostile("strange name", kind, body)


def _damaged_form(rng: random.Random) -> Hostile:
    whole, kind = form(("image", "hand.png", encoded(draw_shape(0, 1, 0), "PNG")))
    part = b'--frame\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
    bodies = (
        whole[: rng.randrange(len(whole) - 20)],
        whole.replace(b"--frame", b"--other"),
        whole.replace(b' name="image";', b""),
        whole.replace(b'; filename="hand.png"', b""),
        whole.replace(b'"image"', b'"photo"'),
        whole.replace(b"Content-Disposition", rng.randbytes(20)),
        part + b"X-" + b"a" * rng.randrange(200_000) + b"\r\n\r\n",
        form(*[("image", "a.png", b"x")] * rng.randrange(101, 400))[0],
        b"--frame\r\n" * rng.randrange(1, 5000),
        rng.randbytes(500),
        b"",
    )
    kinds = (kind, kind, kind, "multipart/form-data", "multipart/form-data; boundary=" + "b" * 300)
    return Hostile("damaged form", rng.choice(kinds), rng.choice(bodies))


def _another_content_type(rng: random.Random) -> Hostile:
    kinds = ("text/plain", "application/json", "application/x-www-form-urlencoded", "multipart/mixed", "\xff")
    return Hostile("content type", rng.choice(kinds), encoded(draw_shape(0, 1, rng.randrange(99)), "PNG"))


def _too_long(rng: random.Random) -> bytes:
    # Long bodies are long to send: most of the time something shorter takes their place.
    if rng.random() > 0.02:
        return _random_bytes(rng)
    return encoded(noise(2000, 1700), "BMP") + bytes(rng.randrange(1000))


KINDS: tuple[tuple[str, Callable[[random.Random], bytes | Hostile]], ...] = (
    ("random bytes", _random_bytes),
    ("magic and random bytes", _magic_and_random_bytes),
    ("truncated", _truncated),
    ("truncated", _truncated),
    ("bomb", _bomb),
    ("scans", _scans),
    ("another type", _another_type),
    ("strange name", _strange_name),
    ("damaged form", _damaged_form),
    ("content type", _another_content_type),
    ("too long", _too_long),
)

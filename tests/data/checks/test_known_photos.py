import io
from pathlib import Path

import numpy as np
from PIL import Image
from tests import cases

from handshape.bundle import known_photos
from handshape.data.checks.known_photos import read_known_photos
from handshape.data.images.decode import decode_image
from handshape.data.images.image_stats import image_stats
from handshape.data.images.prepared import content_digest


def record(data: bytes) -> tuple[str, int]:
    return content_digest(data), image_stats(*decode_image(data)).phash


def encoded(image: Image.Image, quality: int = 92) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def test_find__copies_and_near_copies_and_no_others(tmp_path: Path) -> None:
    trained = [cases.draw_hand(kind, seed, size=160) for kind in range(4) for seed in range(8)]
    known = read_known_photos(known_photos(map(record, map(encoded, trained))))
    assert len(known.digests) == 32
    same = [record(encoded(image)) for image in trained]
    smaller = [record(encoded(image.resize((120, 120)), 80)) for image in trained]
    others = [
        record(encoded(cases.draw_hand(kind, 100 + seed, 160))) for kind in range(4) for seed in range(8)
    ]
    assert known.find(*zip(*same, strict=True)).all()
    assert known.find(*zip(*smaller, strict=True)).mean() >= 0.9
    assert known.find(*zip(*others, strict=True)).mean() <= 0.1


def test_read_known_photos__of_nothing() -> None:
    empty = read_known_photos(b"")
    np.testing.assert_array_equal(empty.find(["0" * 32], [0]), [False])

import os
from pathlib import Path

import numpy as np
import pyarrow as pa

from handshape.data.images.decode import Preprocessing, read_image
from handshape.data.images.prepared import content_digest
from handshape.features.hand_landmarks import HandCache
from handshape.features.photo_reader import Digests, PhotoReader, gathered
from handshape.synthetic.dataset import draw_dataset


def test_photo_reader__does_what_is_missing_of_each_photo(tmp_path: Path) -> None:
    draw_dataset(tmp_path, "B", signers=1, images=4, size=120)
    photos = sorted(tmp_path.glob("B/*.jpg"))
    (broken := tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 no photo")
    paths = [*photos, broken, tmp_path / "gone.jpg"]
    neither, features, hand, both = digests = [content_digest(photo.read_bytes()) for photo in photos]
    preprocessing = Preprocessing(64)
    reader = PhotoReader(None, preprocessing, Digests.of({features, both}), Digests.of({hand, both}))
    read = reader(pa.table({"index": range(6), "path": [os.fsencode(path) for path in paths]}))
    assert read["index"].to_pylist() == [*range(6)]
    assert read["digest"].to_pylist() == [*digests, content_digest(broken.read_bytes()), None]
    assert read["reason"].to_pylist() == [
        *[None] * 4,
        "not an image, or of an unknown format",
        "cannot be read (No such file or directory)",
    ]
    assert read["pixels"].is_valid().to_pylist() == [True, False, True, False, False, False]
    assert read["pixels"][0].as_py() == preprocessing.prepare(read_image(photos[0])).tobytes()
    assert read["hand"].is_valid().to_pylist() == [True, True, False, False, False, False]
    here, sent = HandCache(tmp_path / "here"), HandCache(tmp_path / "sent")
    for digest, photo in zip(digests[:2], photos, strict=False):
        here.find(digest, read_image(photo))
    sent.add([neither, features], gathered(read["hand"]))
    rows, expected = sent.rows([neither, features]), here.rows([neither, features])
    assert expected.found.all() and np.array_equal(rows.rows, expected.rows)
    assert np.array_equal(sent.points([neither, features]), here.points([neither, features]))

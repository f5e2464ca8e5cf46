from pathlib import Path

import numpy as np
import pytest
from tests.conftest import draw_shape
from tests.serve.conftest import encoded, hand

from handshape.data.images.decode import decode_image
from handshape.data.images.prepared import InMemoryImages, content_digest
from handshape.errors import ImageError
from handshape.features.extract import features_of
from handshape.serve.teach.hands import Hands


def test_look__keeps_the_features_that_training_would_make(tmp_path: Path) -> None:
    looked, made = Hands(tmp_path / "looked"), Hands(tmp_path / "made")
    data = hand("Y", 1, 0)
    points = looked.look(data)
    assert points is not None and len(points) == 21
    assert looked.look(data) is points
    kept = looked.extractor.table(tmp_path / "looked")
    (row,) = kept.rows([content_digest(data)], 0)
    own = np.array(kept.read(np.array([row]), "features").to_pylist())
    prepared = looked.extractor.backbone.preprocessing.prepare(decode_image(data)[0])
    images = InMemoryImages(prepared[None])
    there = features_of(made.extractor, images, [content_digest(data)], tmp_path / "made")
    # Training reads by fours, which rounds otherwise in the last bit.
    np.testing.assert_allclose(own, there.reshape(1, -1), atol=2e-3)


def test_look__no_hand(tmp_path: Path) -> None:
    hands = Hands(tmp_path)
    assert hands.look(encoded(draw_shape(0, 1, 0), "JPEG")) is None
    with pytest.raises(ImageError, match="expected"):
        hands.look(b"no photo")

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.serve.conftest import hand, jpeg, wait_until

from handshape.errors import ImageError

if TYPE_CHECKING:
    from handshape.serve.teach.hand_landmarks import LandmarkFinder


def finder_in(place: Path) -> "LandmarkFinder":
    from handshape.serve.teach.hand_landmarks import LandmarkFinder
    from handshape.serve.teach.photo_folder import PhotoFolder

    return LandmarkFinder(PhotoFolder(place / "photos"), place / "cache")


def test_find__caches_the_features_that_training_would_compute(tmp_path: Path) -> None:
    from handshape.data.images.decode import decode_image
    from handshape.data.images.prepared import InMemoryImages, content_digest
    from handshape.features.extract import features_of

    finder, other = finder_in(tmp_path), finder_in(tmp_path / "other")
    data = hand("Y", 1, 0)
    landmarks = finder.find(data)
    assert landmarks is not None and len(landmarks) == 21
    assert finder.find(data) is landmarks
    cached = finder.extractor.table(tmp_path / "cache")
    (row,) = cached.rows([content_digest(data)], 0)
    found = np.array(cached.read(np.array([row]), "features").to_pylist())
    prepared = finder.extractor.backbone.preprocessing.prepare(decode_image(data)[0])
    images = InMemoryImages(prepared[None])
    computed = features_of(other.extractor, images, [content_digest(data)], tmp_path / "other" / "cache")
    # Training computes batches, which round otherwise in the last bit.
    np.testing.assert_allclose(found, computed.reshape(1, -1), atol=2e-3)


def test_find__no_hand_and_no_photo(tmp_path: Path) -> None:
    finder = finder_in(tmp_path)
    assert finder.find(jpeg()) is None
    with pytest.raises(ImageError):
        finder.find(b"no photo")


def test_has_hand__is_found_for_photos_of_earlier_days(tmp_path: Path) -> None:
    from handshape.serve.teach.photo_folder import PhotoFolder, TeachPhoto

    folder = PhotoFolder(tmp_path / "photos")
    folder.add("A", "Anna", hand("A", 1, 0))
    folder.add("A", "Anna", jpeg())
    (folder.path / "A" / "Anna_3.jpg").write_bytes(b"damaged")
    photos = [TeachPhoto("A", f"Anna_{number}.jpg", "Anna") for number in (1, 2, 3)]
    finder = finder_in(tmp_path)
    wait_until(lambda: finder.has_hand(photos[1]) is not None)
    assert [finder.has_hand(photo) for photo in photos] == [True, False, None]
    finder.add(photos[2], hand("B", 1, 0))
    assert finder.has_hand(photos[2])

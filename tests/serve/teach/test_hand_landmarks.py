from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.serve.conftest import hand, jpeg, wait_until

from handshape.errors import ImageError

if TYPE_CHECKING:
    from handshape.serve.teach.hand_landmarks import LandmarkFinder


def finder_in(place: Path) -> "LandmarkFinder":
    from handshape.serve.prediction_queue import PredictionQueue
    from handshape.serve.teach.hand_landmarks import LandmarkFinder
    from handshape.serve.teach.photo_folder import PhotoFolder

    return LandmarkFinder(PhotoFolder(place / "photos"), place / "cache", PredictionQueue(None))


def test_find__training_finds_the_hand_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from handshape.data.images.prepared import content_digest
    from handshape.features.hand_landmarks import HandCache
    from handshape.models.hand.hand_finder import HandFinder

    finder, data = finder_in(tmp_path), hand("Y", 1, 0)
    landmarks = finder.find(data)
    assert landmarks is not None and len(landmarks) == 21
    assert finder.find(data) is landmarks
    finder.save()
    monkeypatch.setattr(HandFinder, "find", None)
    assert HandCache(tmp_path / "cache").rows([content_digest(data)]).found.all()


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

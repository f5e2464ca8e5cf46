from pathlib import Path

import numpy as np
import pytest

from handshape.data.images.decode import read_image
from handshape.data.images.index import index_images
from handshape.data.io.folder import read_folder
from handshape.errors import DataError
from handshape.features import hand_landmarks
from handshape.features.hand_landmarks import HandCache
from handshape.models.hand.hand_finder import HandFinder, hand_rows
from handshape.synthetic.dataset import draw_dataset


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    draw_dataset(root, "BL", signers=2, images=2, size=120)
    return root


def test_hand_cache__hands_are_found_while_photos_are_indexed(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = HandCache(tmp_path)
    index = index_images(read_folder(photos), tmp_path, facts=hands)
    rows = hands.rows(index.digests)
    assert rows.found.all() and rows.rows.shape == (8, 88)
    finder, from_files = HandFinder(), []
    for sample in index.dataset.samples:
        from_files.append(finder.find(read_image(sample.path)))
    assert np.array_equal(rows.rows, hand_rows(from_files).rows)
    assert np.allclose(hands.points(index.digests), [hand.points for hand in from_files], atol=1e-6)
    monkeypatch.setattr(HandFinder, "find_with_mirrored", None)  # nothing is looked for again
    again = HandCache(tmp_path)
    index_images(read_folder(photos), tmp_path, facts=again)
    assert np.array_equal(again.rows(index.digests).rows, rows.rows)


def test_hand_cache__finds_what_is_missing_in_the_files(photos: Path, tmp_path: Path) -> None:
    index = index_images(read_folder(photos), tmp_path)
    paths = [sample.path for sample in index.dataset.samples]
    hands = HandCache(tmp_path)
    assert hands.missing(index.digests) == set(index.digests)
    assert hands.rows(index.digests, paths).found.all() and not hands.missing(index.digests)


def test_rows_of_images__found_once(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = np.stack([read_image(path) for path in sorted(photos.glob("*/*.jpg"))[:3]])
    found = HandCache(tmp_path).rows_of_images(shown)
    finder = HandFinder()
    assert np.array_equal(found.rows, hand_rows([finder.find(one) for one in shown]).rows)
    monkeypatch.setattr(HandFinder, "find_with_mirrored", None)  # nothing is looked for again
    assert np.array_equal(HandCache(tmp_path).rows_of_images(shown[::-1]).rows, found.rows[::-1])


def test_hand_cache__a_photo_that_is_gone_is_an_error_and_no_landmarks(photos: Path, tmp_path: Path) -> None:
    index = index_images(read_folder(photos), tmp_path)
    paths = [sample.path for sample in index.dataset.samples]
    with pytest.raises(DataError, match="1 photos are gone"):
        HandCache(tmp_path).rows(index.digests, [*paths[:-1], tmp_path / "gone.png"])


def test_hand_cache__what_is_found_in_another_way_is_kept_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    HandCache(tmp_path).find("0" * 32, np.zeros((32, 32, 3), np.uint8))
    one = HandCache(tmp_path)
    one.find("0" * 32, np.zeros((32, 32, 3), np.uint8))
    one.commit()
    monkeypatch.setattr(hand_landmarks, "METHOD", "another")
    assert HandCache(tmp_path).missing(["0" * 32]) and not one.missing(["0" * 32])

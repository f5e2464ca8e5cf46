from pathlib import Path

import numpy as np
import pytest

from handshape.data.drawn import extra
from handshape.data.drawn.extra import drawn_hands


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "SIGNERS", 2)


def test_drawn_hands__letters_are_drawn_once_and_read_again(tmp_path: Path) -> None:
    hands = drawn_hands(["A", "hello", "B"], tmp_path, 48)
    assert hands is not None
    assert hands.labels.tolist() == ["A"] * 14 + ["B"] * 14
    assert hands.signers.tolist() == ([1] * 7 + [2] * 7) * 2
    pictures = hands.images.take(range(28))
    assert pictures.shape == (28, 48, 48, 3) and len({picture.tobytes() for picture in pictures}) == 28
    file = next(tmp_path.rglob("*.rgb"))
    before = file.stat().st_mtime_ns, file.read_bytes()
    again = drawn_hands(["A", "hello", "B"], tmp_path, 48)
    assert again is not None and np.array_equal(again.images.take(range(28)), pictures)
    assert file.read_bytes() == before[1] and len(list(tmp_path.rglob("*.rgb"))) == 1


def test_drawn_hands__no_label_is_a_letter(tmp_path: Path) -> None:
    assert drawn_hands(["hello", "a", "1"], tmp_path, 48) is None

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from handshape.serve.teach.photo_folder import TeachPhoto

if TYPE_CHECKING:
    from handshape.serve.teach.advice import Advice


def photos(label: str, signer: str, count: int) -> list[TeachPhoto]:
    return [TeachPhoto(label, f"{signer}_{number}.jpg", signer) for number in range(1, count + 1)]


def hand(seed: int, spread: float) -> list[tuple[float, float]]:
    """One random hand, with each landmark moved at random."""
    points = np.random.default_rng(0).uniform(0.3, 0.7, (21, 2))
    moved = points + np.random.default_rng(seed).normal(0, spread, points.shape)
    return [(x, y) for x, y in moved.tolist()]


def advice(
    shown: Sequence[TeachPhoto], *, spread: float = 0.1, blind: str = "", confused: Any = None
) -> "list[Advice]":
    """Give advice on photos; no hand was found in those of one signer."""
    from handshape.serve.teach.advice import give_advice

    hands = {photo: None if photo.signer == blind else hand(i, spread) for i, photo in enumerate(shown)}
    return give_advice(shown, hands.get, lambda photo: hands[photo] is not None, confused)


def test_give_advice__more_people() -> None:
    assert advice([]) == []
    one = photos("hi", "anna", 6)
    assert advice(one)[0].text.startswith("Ask somebody else to sign: all photos are of anna")
    two = [*one, *photos("hi", "ben", 6)]
    assert advice(two)[0].text.startswith("Ask 3 more people to sign")
    alone = advice([*two, *photos("bye", "ben", 6)])[0]
    assert alone.text.startswith("Ask somebody else to show bye") and alone.photos[0].label == "bye"
    assert advice([photo for name in "abcde" for photo in photos("hi", name, 6)]) == []


def test_give_advice__two_signs_look_alike() -> None:
    shown = [photo for label in ("hi", "bye") for name in "abcde" for photo in photos(label, name, 6)]
    (found,) = advice(shown, confused={"true": "hi", "predicted": "bye", "count": 4, "share": 0.1})
    assert "hi and bye look alike: 4 photos of hi were predicted as bye" in found.text
    assert found.to_dict()["photos"] == [["hi", "a_1.jpg"], ["bye", "a_1.jpg"]]
    (letter,) = advice(shown, confused={"true": "hi", "predicted": "B", "count": 1, "share": 0.1})
    assert "more photos of hi." in letter.text and len(letter.photos) == 1


def test_give_advice__photos_that_do_not_help() -> None:
    shown = [photo for name in "abcde" for photo in photos("hi", name, 6)]
    (turn,) = advice(shown, spread=0.001)
    assert turn.text.startswith("Turn and tilt the hand") and "a's photos of hi" in turn.text
    first = advice(photos("hi", "a", 6), blind="a")[0]
    assert first.text.startswith("No hand was found in 6 of 6 photos of hi") and len(first.photos) == 2
    assert "it has 2 photos" in " ".join(one.text for one in advice(photos("hi", "a", 2)))
    assert advice(photos("nothing", "a", 6), blind="a") == []

import re
from pathlib import Path

import numpy as np
import pytest

from handshape.errors import ExportError
from handshape.export.parity import Parity, check_accuracy, check_parity, measure_parity
from handshape.export.photos import LabelledPhoto
from handshape.recogniser import load

from .conftest import small_recogniser


def photos(count: int) -> list[LabelledPhoto]:
    rng = np.random.default_rng(0)
    return [LabelledPhoto(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)) for _ in range(count)]


def test_measure_parity__of_the_same_recogniser(exported: Path) -> None:
    recogniser = load(exported)
    parity = measure_parity(recogniser, recogniser.classify, photos(20), "noise")
    assert (parity.photos, parity.source, parity.different, parity.largest) == (20, "noise", 0, 0.0)
    assert parity.torch < 1e-5 and parity.int8_accuracy is None
    check_parity(parity, exact=True)


def test_measure_parity__of_another_temperature(exported: Path, tmp_path: Path) -> None:
    other = small_recogniser(tmp_path, 1.4)
    parity = measure_parity(load(exported), other.classify, photos(5), "noise")
    assert 1e-4 < parity.largest < 0.1 and parity.different == 0
    text = (
        f"the exported model's probabilities differ from those of the bundle by up to {parity.largest:.2g} "
        "on 5 photos (noise)"
    )
    with pytest.raises(ExportError, match=re.escape(text)):
        check_parity(parity, exact=True)
    check_parity(parity, exact=False)


def test_check_parity__the_bundle_and_torch() -> None:
    with pytest.raises(ExportError, match="the bundle's probabilities differ from those of torch by up to"):
        check_parity(Parity(1, "noise", 2e-4, 0.0, 0), exact=False)


def test_measure_parity__no_number_is_as_far_as_can_be(exported: Path) -> None:
    broken = np.full(3, np.nan, np.float32)
    parity = measure_parity(load(exported), lambda pixels, hand: broken, photos(2), "noise")
    assert parity.largest == 1.0
    with pytest.raises(ExportError):
        check_parity(Parity(1, "noise", 0.0, float("nan"), 1), exact=True)


def test_measure_parity__accuracy_on_known_labels(exported: Path) -> None:
    recogniser = load(exported)
    unlabelled = photos(6)
    best = recogniser.predict_proba([photo.pixels() for photo in unlabelled]).argmax(axis=1)
    labels = [recogniser.labels[index] for index in best]
    wrong = next(label for label in recogniser.labels if label != labels[0])
    given = [wrong, *labels[1:4], "unknown", None]
    labelled = [LabelledPhoto(photo.image, label) for photo, label in zip(unlabelled, given, strict=True)]
    parity = measure_parity(recogniser, recogniser.classify, labelled, "noise", recogniser.classify)
    assert (parity.labelled, parity.accuracy, parity.int8_accuracy) == (4, 0.75, 0.75)


def test_check_accuracy__half_a_point_is_the_limit() -> None:
    check_accuracy(Parity(1000, "webcam", 0.0, 0.2, 1, 1000, 0.99, 0.985))
    text = "98.4 % in 8 bits and 99.0 % in 32 bits (webcam)"
    with pytest.raises(ExportError, match=re.escape(text)):
        check_accuracy(Parity(1000, "webcam", 0.0, 0.2, 1, 1000, 0.99, 0.984))


def test_check_accuracy__without_labels() -> None:
    text = "the accuracy in 8 bits cannot be measured: the photos have no labels (drawn hands)"
    with pytest.raises(ExportError, match=re.escape(text)):
        check_accuracy(Parity(9, "drawn hands", 0.0, 0.2, 0))

from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest

from handshape.data.dataset import SPLITS, Dataset, Sample


def sample(label: str, number: int, signer: str | None = None) -> Sample:
    return Sample(
        Path(f"/d/{label}/{number}.png"), f"{label}/{number}.png", label, signer, SPLITS[number % 3]
    )


DATA = Dataset(
    Path("/d"),
    (sample("B", 0, "2"), sample("B", 1, "10"), sample("C", 2), sample("C", 3, "2")),
    ("A", "B", "C"),
)
NONE = Dataset(Path("/d"), (), ())


def test_dataset__classes_are_places_in_the_labels() -> None:
    assert DATA.class_to_idx == {"A": 0, "B": 1, "C": 2}
    assert DATA.classes.tolist() == [1, 1, 2, 2]
    assert DATA.classes.dtype == np.int64
    assert len(DATA) == 4


def test_dataset__without_samples() -> None:
    assert len(NONE) == 0
    assert NONE.classes.shape == (0,)
    assert NONE.classes.dtype == np.int64
    assert NONE.counts() == {}
    assert NONE.signers == ()


def test_dataset__signers_are_sorted_and_known() -> None:
    assert DATA.signers == ("10", "2")


def test_dataset__counts_labels_without_any() -> None:
    assert DATA.counts() == {"A": 0, "B": 2, "C": 2}


def test_where__never_shifts_a_class() -> None:
    kept = DATA.where(s.label == "C" for s in DATA.samples)
    assert [s.name for s in kept.samples] == ["C/2.png", "C/3.png"]
    assert kept.labels == DATA.labels
    assert kept.classes.tolist() == [2, 2]


def test_where__one_answer_for_each_sample() -> None:
    with pytest.raises(ValueError, match="shorter"):
        DATA.where([True])


def test_on__one_side() -> None:
    assert [s.name for s in DATA.on("train").samples] == ["B/0.png", "C/3.png"]
    assert [s.name for s in DATA.on("test").samples] == ["C/2.png"]


def test_sample__is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        DATA.samples[0].label = "C"  # type: ignore[misc]


def test_dataset__sources_are_sorted_and_known() -> None:
    assert DATA.sources == ()
    rooms = ("office", None, "kitchen", "office")
    samples = tuple(replace(one, source=room) for one, room in zip(DATA.samples, rooms, strict=True))
    assert replace(DATA, samples=samples).sources == ("kitchen", "office")

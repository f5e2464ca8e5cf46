import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from handshape.data.dataset import SPLITS, Dataset, Sample, SplitName
from handshape.data.splits.train_valid_test import Split, split_dataset
from handshape.errors import SplitError

FRACTIONS = st.sampled_from([(0.1, 0.1), (0.2, 0.2), (0.15, 0.3), (0.4, 0.4)])


def data_of(
    labels: str,
    signers: Sequence[str | None] | None = None,
    sides: Sequence[SplitName | None] | None = None,
) -> Dataset:
    """One sample for each letter; the letter is its label."""
    samples = [
        Sample(
            Path(f"/d/{i}.png"),
            f"{i}.png",
            label,
            signers[i] if signers else None,
            sides[i] if sides else None,
        )
        for i, label in enumerate(labels)
    ]
    return Dataset(Path("/d"), tuple(samples), tuple(sorted(set(labels))))


def sides_of(split: Split) -> list[SplitName]:
    sides = [sample.split for sample in split.dataset.samples]
    assert None not in sides
    return sides  # type: ignore[return-value]


def cut(
    dataset: Dataset, fractions: tuple[float, float], seed: int, bursts: NDArray[np.int64] | None = None
) -> Split:
    valid, test = fractions
    return split_dataset(dataset, valid_fraction=valid, test_fraction=test, seed=seed, bursts=bursts)


def refused(dataset: Dataset, message: str, kind: Literal["auto", "given", "signer", "random"]) -> None:
    with pytest.raises(SplitError, match="^" + re.escape(message)):
        split_dataset(dataset, kind=kind)


# At random


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(3, 60), min_size=1, max_size=5), fractions=FRACTIONS, seed=st.integers(0, 99)
)
def test_split_dataset__random(counts: list[int], fractions: tuple[float, float], seed: int) -> None:
    dataset = data_of("".join(label * n for label, n in zip("ABCDE", counts, strict=False)))
    split = cut(dataset, fractions, seed)
    assert (split.kind, split.grouped) == ("random", False)
    assert [replace(s, split=None) for s in split.dataset.samples] == list(dataset.samples)
    assert split.dataset.labels == dataset.labels
    assert sum(split.counts().values()) == len(dataset)  # each sample is on exactly one side
    assert split.missing() == {}
    for label, count in dataset.counts().items():
        on = {side: split.dataset.on(side).counts()[label] for side in SPLITS}
        for side, fraction in zip(SPLITS[1:], fractions, strict=True):
            assert abs(on[side] - fraction * count) <= 1, (label, on)
    again = cut(dataset, fractions, seed)
    assert again == split


@pytest.mark.parametrize("count", [3, 4, 5])
def test_split_dataset__three_photos_make_a_split(count: int) -> None:
    split = split_dataset(data_of("A" * count + "B" * count))
    assert split.counts() == {"train": 2 * (count - 2), "valid": 2, "test": 2}
    assert split.missing() == {}


@pytest.mark.parametrize("few", [1, 2])
def test_split_dataset__few_photos_of_a_label_are_for_training(few: int) -> None:
    split = split_dataset(data_of("A" * 20 + "B" * few))
    assert split.missing() == {"valid": ["B"], "test": ["B"]}
    assert split.dataset.on("train").counts()["B"] == few
    assert split.dataset.on("test").labels == ("A", "B")


@settings(max_examples=60, deadline=None)
@given(data=st.data(), fractions=FRACTIONS, seed=st.integers(0, 99))
def test_split_dataset__no_burst_on_two_sides(
    data: st.DataObject, fractions: tuple[float, float], seed: int
) -> None:
    labels, bursts = "", list[int]()
    for number, label in enumerate("ABC"):
        for burst in range(data.draw(st.integers(3, 12))):
            size = data.draw(st.integers(1, 5))
            labels += label * size
            bursts += [100 * number + burst] * size
    dataset, groups = data_of(labels), np.array(bursts)
    split = cut(dataset, fractions, seed, groups)
    assert split.grouped
    assert split.missing() == {}
    sides = np.array(sides_of(split))
    for burst in groups:
        assert len(set(sides[groups == burst])) == 1
    for index in range(3):
        of_label = dataset.classes == index
        largest = max(Counter(groups[of_label].tolist()).values())
        for side, fraction in zip(SPLITS[1:], fractions, strict=True):
            share = (sides[of_label] == side).sum()
            assert abs(share - fraction * of_label.sum()) <= largest + 1
    again = cut(dataset, fractions, seed, groups)
    assert again == split


def test_split_dataset__a_burst_of_two_labels_is_on_one_side() -> None:
    groups = np.array([*range(10), 9, *range(10, 20)])
    for seed in range(20):
        split = split_dataset(data_of("A" * 10 + "B" * 11), bursts=groups, seed=seed)
        sides = sides_of(split)
        assert sides[9] == sides[10]


# By signer


@settings(max_examples=10, deadline=None)
@given(data=st.data(), fractions=FRACTIONS, seed=st.integers(0, 99))
def test_split_dataset__no_signer_on_two_sides(
    data: st.DataObject, fractions: tuple[float, float], seed: int
) -> None:
    count = data.draw(st.integers(3, 9))
    pairs = data.draw(
        st.lists(st.tuples(st.sampled_from("ABC"), st.integers(-1, count - 1)), min_size=6, max_size=80)
    )
    pairs += [("A", signer) for signer in range(count)]
    names = [None if signer < 0 else f"s{signer}" for _, signer in pairs]
    dataset = data_of("".join(label for label, _ in pairs), names)
    split = cut(dataset, fractions, seed)
    assert split.kind == "signer"
    assert not split.grouped
    sides = sides_of(split)
    for signer in dataset.signers:
        assert len({side for side, name in zip(sides, names, strict=True) if name == signer}) == 1
    assert {side for side, name in zip(sides, names, strict=True) if name is None} <= {"train"}
    assert all(split.counts().values())
    assert cut(dataset, fractions, seed) == split


def test_split_dataset__train_has_every_label_if_it_can() -> None:
    # Only Ann signs C. By size alone she would be on the side of valid or test, beside Bo.
    labels = "ABC" * 6 + "AB" + "AB" * 40
    signers: list[str | None] = []
    for name, count in (("Ann", 20), ("Bo", 20), ("Cy", 30), ("Di", 30)):
        signers += [name] * count
    for seed in range(4):
        split = split_dataset(data_of(labels, signers), seed=seed)
        assert "train" not in split.missing()
        assert split.missing()["test"] == ["C"]


@pytest.mark.parametrize(
    ("signers", "told"),
    [
        ([None] * 6, "0 known signers"),
        ([None] * 5 + ["Ann"], "1 known signer"),
        (["Ann", "Bo"] * 3, "2 known signers"),
    ],
)
def test_split_dataset__too_few_signers(signers: list[str | None], told: str) -> None:
    dataset = data_of("AAABBB", signers)
    refused(
        dataset,
        f"{told}",
        "signer",
    )
    assert split_dataset(dataset).kind == "random"


# As given


def test_split_dataset__as_given() -> None:
    sides: list[SplitName | None] = ["train", "test", "valid", "train"]
    dataset = data_of("AABB", ["x", "y", "z", "x"], sides)
    split = split_dataset(dataset)
    assert split == split_dataset(dataset, kind="given") == Split(dataset, "given")
    assert split.counts() == {"train": 2, "valid": 1, "test": 1}
    assert split.missing() == {"valid": ["A"], "test": ["B"]}


def test_split_dataset__given_may_be_set_aside() -> None:
    sides: list[SplitName | None] = ["train"] * 12
    dataset = data_of("A" * 6 + "B" * 6, ["x", "y", "z"] * 4, sides)
    assert split_dataset(dataset, kind="signer").kind == "signer"
    assert split_dataset(dataset, kind="random").counts() == {"train": 8, "valid": 2, "test": 2}


@pytest.mark.parametrize(
    ("sides", "kind", "lacking"),
    [
        (["train", None, "test", None], "auto", 2),
        (["train", None, "test", None], "given", 2),
        ([None] * 4, "given", 4),
    ],
)
def test_split_dataset__given_in_part(
    sides: list[SplitName | None], kind: Literal["auto", "given"], lacking: int
) -> None:
    refused(
        data_of("AABB", None, sides),
        f"{lacking} of 4 images have no given split",
        kind,
    )


def test_split_dataset__given_without_train() -> None:
    refused(data_of("AABB", None, ["valid", "test"] * 2), "no image for train in a given split", "given")


@pytest.mark.parametrize(("missing", "there"), [("valid", "test"), ("test", "valid")])
def test_split_dataset__the_one_that_is_not_given_is_cut_from_training(
    missing: SplitName, there: SplitName
) -> None:
    labels = "A" * 20 + "B" * 20
    given: list[SplitName] = ([there] * 4 + ["train"] * 16) * 2
    bursts = np.arange(40) // 4
    split = split_dataset(data_of(labels, None, given), bursts=bursts)
    assert split.kind == "given" and split.cut == (missing, "burst")
    names = [sample.split for sample in split.dataset.samples]
    assert [name == there for name in names] == [name == there for name in given]
    assert all(len({names[i] for i in np.flatnonzero(bursts == burst)}) == 1 for burst in bursts)
    assert 4 <= names.count(missing) <= 12
    people = split_dataset(data_of(labels, list("abcde" * 8), given), bursts=bursts)
    assert people.cut == (missing, "signer")
    held = {sample.signer for sample in people.dataset.on(missing).samples}
    assert held and not held & {sample.signer for sample in people.dataset.on("train").samples}


# What cannot be split


@pytest.mark.parametrize("labels", ["A", "AA", "AB", "ABABC"])
def test_split_dataset__too_few_images(labels: str) -> None:
    refused(
        data_of(labels),
        "no image for valid in a random split",
        "random",
    )

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from handshape.data.dataset import Dataset, Sample
from handshape.data.splits.leave_one_group_out import FoldPlan
from handshape.evaluation.cross_validation import measure_folds

LABELS = ("A", "B")
KEYS = {"mean", "interval", "worst", "metrics", "reliability", "curve", "seconds"}


def dataset(signers: list[str | None], sources: list[str] | None = None) -> Dataset:
    places: list[Any] = sources or [None] * len(signers)
    samples = [
        Sample(Path(f"{i}"), f"{i}", LABELS[i % 2], signer, source=place)
        for i, (signer, place) in enumerate(zip(signers, places, strict=True))
    ]
    return Dataset(Path(), tuple(samples), LABELS)


def predicted(data: Dataset, wrong: int) -> Any:
    """Stands for a fitted model's answers, the first of which are wrong."""
    read = data.classes.copy()
    read[:wrong] = 1 - read[:wrong]
    probabilities = np.eye(2, dtype=np.float32)[read]
    return SimpleNamespace(tested=data, probabilities=probabilities)


def test_measure_folds__signers_keep_the_keys_that_programs_know() -> None:
    found = measure_folds(
        [predicted(dataset(["ann"] * 4), 1), predicted(dataset(["bo"] * 8), 0)],
        FoldPlan("signer", {}),
        seconds=3.0,
    )
    assert (found.worst_name, found.worst, found.mean) == ("ann", 0.75, 0.875)
    assert found.interval.low < 0.875 < found.interval.high and found.seconds == 3
    assert set(found.to_dict()) == KEYS | {"worst_signer", "next_signer"}
    assert found.groups is found.metrics.signers


def test_measure_folds__sources_say_what_they_are() -> None:
    data = dataset(["ann"] * 12, ["hall"] * 4 + ["lab"] * 8)
    sides: Any = {"hall": {"test": np.arange(4)}, "lab": {"test": np.arange(4, 12)}}
    parts = [
        predicted(data.take(one["test"].tolist()), wrong)
        for one, wrong in zip(sides.values(), (1, 4), strict=True)
    ]
    plan = FoldPlan("source", sides, False, 3)
    found = measure_folds(parts, plan, np.arange(12) // 2)
    assert (found.worst_name, found.worst, found.mean) == ("lab", 0.5, 0.625)
    kept = found.to_dict()
    assert set(kept) == KEYS | {"worst_source", "next_source", "kind", "signers_apart", "untested"}
    assert (kept["kind"], kept["signers_apart"], kept["untested"]) == ("source", False, 3)
    assert {name: one.n for name, one in found.groups.items()} == {"hall": 4, "lab": 8}
    assert "over 6 bursts, each source with the same weight" in found.interval.method
    assert measure_folds(parts, plan).interval.method == "Wilson, each source with the same weight"


def test_without_names__names_nobody_and_no_place() -> None:
    data = dataset(["ann"] * 12, ["hall"] * 4 + ["lab"] * 4 + ["yard"] * 4)
    parts = [predicted(data.where(s.source == room for s in data.samples), 1) for room in data.sources]
    sides: Any = {room: {"test": np.arange(4)} for room in data.sources}
    found = measure_folds(parts, FoldPlan("source", sides)).without_names()
    assert (found["kind"], found["count"], found["mean"], found["worst"]) == ("source", 3, 0.75, 0.75)
    assert found["interval_scope"] == "rooms, cameras or collections that are not in the training data"
    assert not any(name in str(found) for name in ("ann", "hall", "lab", "yard"))

import re
from pathlib import Path

import numpy as np
import pytest

from handshape.data.dataset import Dataset, Sample
from handshape.data.splits.leave_one_group_out import FoldPlan, leave_one_signer_out, leave_one_source_out
from handshape.errors import SplitError

# Label, signer, source and number of photos.
Row = tuple[str, str | None, str | None, int]


def dataset(*rows: Row) -> Dataset:
    samples = [
        Sample(Path("x"), f"{label}/{number}", label, signer, source=source)
        for label, signer, source, count in rows
        for number in range(count)
    ]
    samples.sort(key=lambda sample: sample.label)
    return Dataset(Path(), tuple(samples), tuple(sorted({sample.label for sample in samples})))


def plan_of(data: Dataset, bursts: np.ndarray | None = None, seed: int = 0) -> FoldPlan:
    groups = np.arange(len(data)) if bursts is None else bursts
    return leave_one_source_out(data, groups, valid_fraction=0.25, seed=seed)


def check(data: Dataset, plan: FoldPlan) -> None:
    """Every source is test once, and nothing of it is anywhere else."""
    assert list(plan.folds) == list(data.sources) and plan.kind == "source"
    for source, sides in plan.folds.items():
        rooms = {side: {data.samples[i].source for i in indices} for side, indices in sides.items()}
        assert rooms["test"] == {source}
        assert not rooms["train"] & {source, None} and not rooms["valid"] & {source, None}
        assert len(sides["train"]) and len(sides["valid"])
        indices = np.concatenate(list(sides.values()))
        assert len(np.unique(indices)) == len(indices)


def test_leave_one_source_out__each_source_is_test_once_and_valid_is_from_the_others() -> None:
    rows = [(label, None, room, 8) for label in "ABC" for room in ("hall", "lab", "yard")]
    data = dataset(*rows)
    plan = plan_of(data)
    check(data, plan)
    assert all(len(sides["test"]) == 24 for sides in plan.folds.values())
    assert all(len(sides["train"]) + len(sides["valid"]) == 48 for sides in plan.folds.values())
    assert all(0.2 <= len(sides["valid"]) / 48 <= 0.3 for sides in plan.folds.values())
    assert (plan.signers_apart, plan.untested) == (None, 0)
    same, other = plan_of(data), plan_of(data, seed=1)
    assert all((plan.folds[room]["valid"] == same.folds[room]["valid"]).all() for room in plan.folds)
    assert any((plan.folds[room]["valid"] != other.folds[room]["valid"]).any() for room in plan.folds)


def test_leave_one_source_out__valid_is_of_whole_signers_where_they_are_known() -> None:
    people = {"hall": "abcd", "lab": "efgh"}
    data = dataset(*((la, who, room, 5) for la in "AB" for room, names in people.items() for who in names))
    plan = plan_of(data)
    check(data, plan)
    assert plan.signers_apart is True
    for sides in plan.folds.values():
        train, valid = ({data.samples[i].signer for i in sides[side]} for side in ("train", "valid"))
        assert not train & valid and len(valid) == 1


def test_leave_one_source_out__one_known_signer_is_no_group() -> None:
    data = dataset(*((label, who, room, 12) for label in "AB" for who, room in (("a", "hall"), ("b", "lab"))))
    bursts = np.arange(len(data)) // 3
    plan = plan_of(data, bursts)
    check(data, plan)
    assert plan.signers_apart is True
    for sides in plan.folds.values():
        assert not set(bursts[sides["train"]]) & set(bursts[sides["valid"]])


def test_leave_one_source_out__keeps_out_signers_of_the_source_that_is_left_out() -> None:
    rows = [("a", "hall"), ("b", "hall"), ("c", "hall"), ("c", "lab"), ("d", "lab"), ("e", "lab")]
    data = dataset(*((label, who, room, 5) for label in "AB" for who, room in rows))
    plan = plan_of(data)
    check(data, plan)
    assert plan.signers_apart is True and plan.untested == 0
    for sides in plan.folds.values():
        learnt = {data.samples[i].signer for side in ("train", "valid") for i in sides[side]}
        assert "c" not in learnt and len(learnt) == 2
        assert "c" in {data.samples[i].signer for i in sides["test"]}


@pytest.mark.parametrize(
    "rows",
    [
        # The same two people in both rooms: without them nothing is left.
        [(label, who, room, 6) for label in "AB" for who in "ab" for room in ("hall", "lab")],
        # Without a, one label of the lab is gone.
        [
            *((la, who, room, 9) for la in "AB" for who, room in (("a", "hall"), ("b", "lab"))),
            ("C", "a", "lab", 4),
        ],
        # Without a, too little of the lab is left.
        [
            (la, who, room, n)
            for la in "AB"
            for who, room, n in (("a", "hall", 6), ("a", "lab", 6), ("b", "lab", 4))
        ],
    ],
)
def test_leave_one_source_out__says_that_signers_are_on_both_sides_where_they_must_be(
    rows: list[Row],
) -> None:
    data = dataset(*rows)
    plan = plan_of(data)
    check(data, plan)
    assert plan.signers_apart is False


def test_leave_one_source_out__does_not_know_who_unknown_signers_are() -> None:
    data = dataset(*((label, who, room, 6) for label in "AB" for who, room in (("a", "hall"), (None, "lab"))))
    assert plan_of(data).signers_apart is None


def test_leave_one_source_out__near_twins_of_the_source_take_no_part() -> None:
    data = dataset(*((label, None, room, 8) for label in "AB" for room in ("hall", "lab")))
    bursts = np.arange(len(data))
    hall, lab = (next(i for i, s in enumerate(data.samples) if s.source == room) for room in ("hall", "lab"))
    bursts[hall] = bursts[lab]
    plan = plan_of(data, bursts)
    check(data, plan)
    for room, twin in (("hall", lab), ("lab", hall)):
        sides = plan.folds[room]
        assert twin not in np.concatenate([sides["train"], sides["valid"]])
        assert len(sides["train"]) + len(sides["valid"]) == 15 and len(sides["test"]) == 16


def test_leave_one_source_out__counts_what_nothing_can_be_asked_about() -> None:
    rows = [(label, None, room, 6) for label in "AB" for room in ("hall", "lab")]
    data = dataset(*rows, ("C", None, "lab", 4), ("A", None, None, 3))
    plan = plan_of(data)
    check(data, plan)
    assert plan.untested == 7
    assert {data.samples[i].label for i in plan.folds["lab"]["test"]} == {"A", "B"}
    assert {data.samples[i].label for i in plan.folds["hall"]["train"]} == {"A", "B", "C"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [("A", None, "hall", 4), ("B", None, "hall", 4), ("B", None, None, 4)],
            "1 known source for --folds source",
        ),
        (
            [("A", None, "hall", 4), ("B", None, "hall", 4), ("B", None, "lab", 4)],
            "only 1 label without the source 'hall'",
        ),
        (
            [
                (label, None, room, 4)
                for label, room in zip("ABCD", ("hall", "hall", "lab", "lab"), strict=True)
            ],
            "no other source has a label of the source 'hall'",
        ),
        (
            [(label, None, room, 1) for label in "AB" for room in ("hall", "lab")],
            "2 photos, one of each label",
        ),
    ],
)
def test_leave_one_source_out__is_refused(rows: list[Row], message: str) -> None:
    with pytest.raises(SplitError, match="^" + re.escape(message)):
        plan_of(dataset(*rows))


def test_leave_one_signer_out__each_is_tested_once_by_those_who_are_left() -> None:
    data = dataset(("A", "1", None, 6), ("A", "2", None, 4), ("B", "3", None, 2), ("B", None, None, 2))
    folds = leave_one_signer_out(data).folds
    assert list(folds) == ["1", "2", "3"]
    for signer, splits in folds.items():
        who = {name: {data.samples[i].signer for i in indices} for name, indices in splits.items()}
        # The smallest of the others is for validation; unknown signers are for training.
        assert who["test"] == {signer} and who["valid"] == {"2" if signer == "3" else "3"}
        assert None in who["train"] and not who["train"] & (who["test"] | who["valid"])
        assert sorted(np.concatenate(list(splits.values()))) == list(range(14))

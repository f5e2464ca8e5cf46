from collections.abc import Callable
from dataclasses import replace

import pytest

from handshape.data.checks.labels import check_counts, check_signers, check_sources, check_unreadable
from handshape.data.dataset import Dataset, Unreadable

Make = Callable[..., Dataset]


@pytest.mark.parametrize(("good", "severity"), [(5, "serious"), (95, "warning")])
def test_check_unreadable__says_how_many(make_dataset: Make, good: int, severity: str) -> None:
    bad = tuple(Unreadable(f"B/bad{i}.jpg", "B", "damaged") for i in range(5))
    (found,) = check_unreadable(replace(make_dataset(["A"] * good), unreadable=bad))
    assert found.severity == severity and found.share == 5 / (good + 5)
    assert found.names[0] == "B/bad0.jpg" and found.labels == ("B",)
    assert found.message.startswith(f"5 of {good + 5} files cannot be used")
    assert not list(check_unreadable(make_dataset(["A"])))


def test_check_counts__few_photos(make_dataset: Make) -> None:
    serious, warning, uneven = check_counts(make_dataset(["A"] * 100 + ["B"] * 9 + ["C"] * 40))
    assert (serious.kind, serious.severity, serious.labels) == ("few_photos", "serious", ("B",))
    assert serious.message.startswith("1 label has fewer than 10 photos")
    assert (warning.severity, warning.labels, warning.share) == ("warning", ("C",), 40 / 149)
    assert (uneven.kind, uneven.severity, uneven.labels) == ("imbalance", "serious", ("A", "B"))
    assert uneven.message.startswith("A has 100 photos and B has 9")


def test_check_counts__even_labels_are_well(make_dataset: Make) -> None:
    assert not list(check_counts(make_dataset(["A"] * 150 + ["B"] * 50)))
    (uneven,) = check_counts(make_dataset(["A"] * 200 + ["B"] * 50))
    assert uneven.severity == "warning"


def test_check_counts__labels_without_a_photo(make_dataset: Make) -> None:
    (few,) = check_counts(replace(make_dataset(["A"] * 60), labels=("A", "B")))
    assert few.labels == ("B",) and few.share == 0
    (none,) = check_counts(Dataset(make_dataset(["A"]).root, (), ("A",)))
    assert none.share == 0


def test_check_counts__a_single_label(make_dataset: Make) -> None:
    (one,) = check_counts(make_dataset(["A"] * 60))
    assert (one.kind, one.severity, one.share, one.labels) == ("one_label", "serious", 1.0, ("A",))
    assert one.message.startswith("A is the only label")


def test_check_signers__unknown(make_dataset: Make) -> None:
    (found,) = check_signers(make_dataset(["A", "B"]))
    assert (found.kind, found.share, found.names) == ("signers_unknown", 1, ())
    assert found.message.startswith("handshape does not know who signs in 2 photos")
    (some,) = check_signers(make_dataset(["A", "A", "B", "B"], ["1", "2", None, "1"]))
    assert some.share == 0.25 and some.names == ("B/2.jpg",)
    assert some.message.startswith("handshape does not know who signs in 1 photo")


def test_check_signers__one_person(make_dataset: Make) -> None:
    (found,) = check_signers(make_dataset(["A", "B"], ["eva", "eva"]))
    assert (found.kind, found.severity) == ("one_signer", "serious")
    assert found.message.startswith("All 2 photos are of one signer")


def test_check_signers__a_label_of_one_person(make_dataset: Make) -> None:
    assert not list(check_signers(make_dataset(["A", "A", "B", "B"], ["1", "2", "1", "2"])))
    (found,) = check_signers(make_dataset(["A", "A", "B", "B"], ["1", "2", "1", "1"]))
    assert (found.kind, found.labels, found.share) == ("label_one_signer", ("B",), 0.5)
    assert found.message.startswith("1 label is shown by one signer only")


def test_check_sources__unknown_is_a_note_that_says_what_figures_speak_of(make_dataset: Make) -> None:
    (found,) = check_sources(make_dataset(["A", "B"]))
    assert (found.kind, found.severity, found.share) == ("sources_unknown", "note", 1.0)
    assert found.message.startswith("handshape does not know which room")


def test_check_sources__some_unknown(make_dataset: Make) -> None:
    (found,) = check_sources(make_dataset(["A"] * 4, None, ["kitchen", "office", None, "kitchen"]))
    assert (found.kind, found.severity, found.share) == ("sources_unknown", "note", 0.25)
    assert found.names == ("A/2.jpg",)
    assert found.message.startswith("1 photo has no known source")


def test_check_sources__a_single_one_is_a_warning(make_dataset: Make) -> None:
    (found,) = check_sources(make_dataset(["A", "B"], None, ["kitchen"] * 2))
    assert (found.kind, found.severity, found.share) == ("one_source", "warning", 1.0)
    assert found.message.startswith("All 2 photos are from one source")


def test_check_sources__a_label_of_one_room(make_dataset: Make) -> None:
    assert not list(check_sources(make_dataset(["A", "A", "B", "B"], None, ["x", "y"] * 2)))
    (found,) = check_sources(make_dataset(["A", "A", "B", "B"], None, ["x", "y", "x", "x"]))
    assert (found.kind, found.severity, found.share) == ("label_one_source", "warning", 0.5)
    assert found.labels == ("B",)
    assert found.message.startswith("1 label is in one source only")


def test_check_sources__without_any_photo(make_dataset: Make) -> None:
    assert not list(check_sources(Dataset(make_dataset(["A"]).root, (), ("A",))))

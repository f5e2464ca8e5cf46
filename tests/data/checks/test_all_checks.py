from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from handshape.data.checks.all_checks import check_data
from handshape.data.checks.bursts import find_bursts
from handshape.data.checks.near_duplicates import Pairs, copies_across_labels, find_near_duplicates
from handshape.data.dataset import Dataset, Unreadable
from handshape.data.images.image_stats import ImageStats

Scene = Callable[..., Image.Image]
Measure = Callable[[Image.Image], ImageStats]
Make = Callable[..., Dataset]


def test_check_data__a_good_data_set_has_no_findings(
    draw_scene: Scene, facts_of: Measure, make_dataset: Make
) -> None:
    stats = [facts_of(draw_scene(seed)) for seed in range(100)]
    dataset = make_dataset(["A"] * 50 + ["B"] * 50, ["1", "2"] * 50, ["kitchen", "office"] * 50)
    digests = [str(i) for i in range(100)]
    bursts = find_bursts(find_near_duplicates(stats, dataset.classes), digests, dataset.classes)
    copies = copies_across_labels(stats, dataset.classes)
    assert check_data(dataset, stats, digests, bursts=bursts, copies=copies) == []


def test_check_data__serious_findings_come_first(
    draw_scene: Scene, facts_of: Measure, make_dataset: Make
) -> None:
    stats = [replace(facts_of(draw_scene(seed)), sharpness=0.5 if seed else 0.9) for seed in range(20)]
    dataset = replace(make_dataset(["A"] * 16 + ["B"] * 4), unreadable=(Unreadable("A/x.jpg", "A", "empty"),))
    found = check_data(dataset, stats, [str(i) for i in range(20)])
    ranks = [("serious", "warning", "note").index(finding.severity) for finding in found]
    assert ranks == sorted(ranks) and set(ranks) == {0, 1, 2}
    kinds = {"few_photos", "imbalance", "unreadable", "signers_unknown", "sources_unknown", "blurred"}
    assert {f.kind for f in found} == kinds
    assert all(f.message.endswith(".") and "\n" not in f.message and 0 <= f.share <= 1 for f in found)


def test_check_data__copies_and_two_labels(draw_scene: Scene, facts_of: Measure, make_dataset: Make) -> None:
    stats = [facts_of(draw_scene(seed)) for seed in range(120)]
    stats[61] = stats[1]
    dataset = make_dataset(["A"] * 60 + ["B"] * 60, ["1", "2"] * 60, ["kitchen", "office"] * 60)
    digests = [str(i) for i in range(120)]
    digests[60] = digests[0]
    digests[5] = digests[4]
    two, copies = check_data(dataset, stats, digests, copies=copies_across_labels(stats, dataset.classes))
    assert (two.kind, two.severity, two.labels) == ("two_labels", "serious", ("A", "B"))
    assert two.names == ("A/0.jpg", "A/1.jpg", "B/60.jpg", "B/61.jpg")
    assert two.message.startswith("4 photos show a picture that is under two labels")
    assert (copies.kind, copies.names, copies.share) == ("exact_duplicates", ("A/5.jpg", "B/60.jpg"), 2 / 120)
    assert copies.message.startswith("2 files are exact copies of another")
    only = check_data(dataset, stats, digests)[0]
    assert only.names == ("A/0.jpg", "B/60.jpg")


@pytest.mark.parametrize(("size", "severity"), [(2, "note"), (40, "warning")])
def test_check_data__bursts(
    draw_scene: Scene, facts_of: Measure, make_dataset: Make, size: int, severity: str
) -> None:
    stats = [facts_of(draw_scene(seed)) for seed in range(100)]
    dataset = make_dataset(["A"] * 50 + ["B"] * 50, ["1", "2"] * 50, ["kitchen", "office"] * 50)
    bursts = np.maximum(np.arange(100) - size + 1, 0)
    (found,) = check_data(dataset, stats, [str(i) for i in range(100)], bursts=bursts)
    assert (found.kind, found.severity, found.share) == ("bursts", severity, size / 100)
    assert found.message.startswith(f"{size} of 100 photos ({size} %) are near-copies")


def test_check_data__without_any_photo(make_dataset: Make) -> None:
    dataset = Dataset(make_dataset(["A"]).root, (), ("A",), (Unreadable("A/x.jpg", "A", "empty"),))
    nothing = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    assert [f.kind for f in check_data(dataset, [], [], copies=nothing)] == ["unreadable", "few_photos"]


@pytest.mark.shared
def test_check_data__real_photos(
    studio_facts: tuple[list[str], list[ImageStats]],
    webcam_facts: tuple[list[str], list[ImageStats]],
    make_dataset: Make,
) -> None:
    expected = {
        "studio": {"plain_background", "bursts", "sources_unknown"},
        "webcam": {"signers_unknown", "one_room", "border", "bursts", "sources_unknown"},
    }
    for name, (names, stats) in {"studio": studio_facts, "webcam": webcam_facts}.items():
        people = [n.split("/hand")[1][0] if "/hand" in n else None for n in names]
        dataset = make_dataset([n[0] for n in names], people)
        bursts = find_bursts(find_near_duplicates(stats, dataset.classes), names, dataset.classes)
        found = check_data(
            dataset, stats, names, bursts=bursts, copies=copies_across_labels(stats, dataset.classes)
        )
        assert {finding.kind for finding in found} == expected[name]

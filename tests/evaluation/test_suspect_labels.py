from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handshape.commands.draw import draw
from handshape.config.draw import DrawConfig
from handshape.data.dataset import Dataset, Sample
from handshape.data.io.folder import read_folder
from handshape.evaluation.suspect_labels import (
    describe_photos,
    find_suspect_labels,
    write_suspect_labels,
)


@pytest.fixture
def photos() -> tuple[Any, Dataset, Any]:
    """Rows that scatter around a middle of their own for each of three labels, in bursts of two."""
    rng = np.random.default_rng(0)
    classes, bursts = np.repeat(np.arange(3), 40), np.arange(120) // 2
    rows = rng.normal(size=(3, 20))[classes] + rng.normal(0, 0.4, (120, 20))
    samples = tuple(Sample(Path(f"{k}/{i}.png"), f"{k}/{i}.png", "ABC"[k]) for i, k in enumerate(classes))
    return rows.astype(np.float32), Dataset(Path("photos"), samples, ("A", "B", "C")), bursts


def relabelled(dataset: Dataset, labels: dict[int, str]) -> Dataset:
    samples = [replace(one, label=labels.get(i, one.label)) for i, one in enumerate(dataset.samples)]
    return replace(dataset, samples=tuple(samples))


def test_find_suspect_labels__finds_exchanged_labels_and_no_others(photos: Any) -> None:
    rows, dataset, bursts = photos
    as_it_is = find_suspect_labels(rows, dataset, bursts)
    assert as_it_is is not None and as_it_is.checked == 120 and as_it_is.photos == ()
    # Two of one burst: neither may speak for the other.
    found = find_suspect_labels(rows, relabelled(dataset, {4: "C", 5: "C", 50: "A", 90: "B"}), bursts)
    assert found is not None
    assert {(one.path, one.label, one.predicted) for one in found.photos} == {
        ("0/4.png", "C", "A"),
        ("0/5.png", "C", "A"),
        ("1/50.png", "A", "B"),
        ("2/90.png", "B", "C"),
    }
    assert all(one.probability < 0.05 and one.predicted_probability > 0.5 for one in found.photos)


def test_find_suspect_labels__needs_enough_photos(photos: Any) -> None:
    rows, dataset, bursts = photos
    few = relabelled(dataset, {**dict.fromkeys(range(9), "A"), **dict.fromkeys(range(9, 80), "B")})
    found = find_suspect_labels(rows, few, bursts)
    assert (
        found is not None and found.checked == 111
    )  # nine photos of A are too few to say what it looks like
    one_burst = np.where(dataset.classes > 0, 0, bursts + 1)
    assert find_suspect_labels(rows, dataset, one_burst) is None
    assert find_suspect_labels(describe_photos(None, None), dataset, bursts) is None


def test_describe_photos__has_a_row_for_each_photo() -> None:
    features, landmarks = np.full((5, 7, 3, 3), 4, dtype=np.float16), np.ones((5, 63), dtype=np.float32)
    assert (describe_photos(features, None) == 2).all()
    assert describe_photos(features, landmarks).shape == (5, 70)


@pytest.mark.slow
def test_train__lists_exchanged_labels_for_exclude(cli: Any, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    draw(DrawConfig(out=folder, labels="A-F", signers=4, images=8, style="room"))
    moved = {"A/signer1_A_0001.jpg": "B", "C/signer2_C_0003.jpg": "F", "E/signer3_E_0004.jpg": "D"}
    for name, label in moved.items():
        (folder / name).rename(folder / label / f"x{Path(name).name}")
    names = {f"{label}/x{Path(name).name}" for name, label in moved.items()}
    words = (folder, "--signer", r"signer(\d+)_", "--cache", tmp_path / "cache", "--backbone", "handnet")
    answer = cli("train", *words, "--out", tmp_path / "run", "--json")
    assert answer.code == 0, answer.err
    listed = {one["path"] for one in answer.json["suspect_labels"]["photos"]}
    assert answer.json["suspect_labels"]["checked"] == 192
    assert names <= listed and len(listed) <= len(names) + 4
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert all(name in page for name in listed)
    (step,) = (one["command"] for one in answer.json["next"] if "--exclude" in one["command"])
    assert f"--exclude {tmp_path / 'run' / 'suspect-labels.txt'}" in step
    without = read_folder(folder, exclude=tmp_path / "run" / "suspect-labels.txt")
    assert len(without) == 192 - len(listed)


def test_write_suspect_labels__keeps_what_was_left_out_before(photos: Any, tmp_path: Path) -> None:
    rows, dataset, bursts = photos
    found = find_suspect_labels(rows, relabelled(dataset, {4: "C"}), bursts)
    assert found is not None
    (tmp_path / "earlier.txt").write_text("B/old.png\n")
    write_suspect_labels(tmp_path / "list.txt", found, tmp_path / "earlier.txt")
    lines = (tmp_path / "list.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["0/4.png", "B/old.png"]

"""Layouts through `read_folder`, as every command reads them."""

import itertools
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests import cases

from handshape.data.dataset import SPLITS, Dataset
from handshape.data.io.folder import read_folder
from handshape.errors import DataError

# Train, validation and test, as they are called by Kaggle, Roboflow, Keras and others.
SPELLINGS = (
    ("train", "valid", "test"),
    ("train", "val", "test"),
    ("training", "validation", "testing"),
    ("train", "dev", "test"),
    ("train_set", "valid_set", "test_set"),
    ("train-images", "val-images", "test-images"),
    ("training data", "validation data", "test data"),
    ("asl_alphabet_train", "asl_alphabet_val", "asl_alphabet_test"),
    ("asl_train", "valid", "test"),
)


def put(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"any bytes: nothing is decoded here")


def splits(data: Dataset) -> dict[str | None, int]:
    return dict(Counter(sample.split for sample in data.samples))


def unused(data: Dataset) -> dict[str, str]:
    return {one.name: one.kind for one in data.unused}


def summary(data: Dataset) -> str:
    assert data.layout is not None
    return data.layout.summary


def refused(data: Path, *words: str, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        read_folder(data, **options)
    for word in words:
        assert word in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("case", [str.lower, str.upper, str.title])
@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("missing", [None, "valid", "test"])
def test_matrix__split_names_case_depth_and_two_of_three(
    tmp_path: Path, case: Callable[[str], str], depth: int, missing: str | None
) -> None:
    for number, names in enumerate(SPELLINGS):
        chosen = {split: case(name) for split, name in zip(SPLITS, names, strict=True)}
        root = tmp_path / str(number)
        top = root.joinpath(*["wrap", "Data set"][:depth])
        for split, name in chosen.items():
            if split != missing:
                put(*(top / name / label / f"{split}{i}.jpg" for label in "AB" for i in range(2)))
        data = read_folder(root)
        assert data.labels == ("A", "B"), chosen
        expected = {split: 4 for split in SPLITS if split != missing}
        assert splits(data) == expected, chosen
        assert data.layout is not None and data.layout.kind == "splits"
        assert set(data.layout.splits) == {name for split, name in chosen.items() if split != missing}
        assert "2 labels" in data.layout.summary and data.unused == ()


def test_splits__of_one_name_twice_are_refused(tmp_path: Path) -> None:
    put(*(tmp_path / split / "A" / "1.jpg" for split in ("train", "val", "valid", "test")))
    refused(tmp_path, "'val' and 'valid' both look like the valid split", "--layout labels")


def test_splits__words_that_are_labels(tmp_path: Path) -> None:
    put(*(tmp_path / label / "1.jpg" for label in ("train", "test", "bus")))
    refused(tmp_path, "--layout labels")
    assert read_folder(tmp_path, layout="labels").labels == ("bus", "test", "train")


def test_splits__a_label_called_test_alone(tmp_path: Path) -> None:
    put(tmp_path / "test" / "1.png", tmp_path / "hello" / "2.png")
    assert read_folder(tmp_path).labels == ("hello", "test")


def test_splits__train_alone_is_looked_through(tmp_path: Path) -> None:
    data = read_folder(cases.label_folders(tmp_path / "photos" / "train").parent)
    assert data.labels == tuple("ABCD") and splits(data) == {None: 16}
    assert "'train'" in summary(data)


def test_splits__inside_labels(tmp_path: Path) -> None:
    put(*(tmp_path / label / split / "1.jpg" for label in "AB" for split in ("train", "val", "test")))
    data = read_folder(tmp_path)
    assert data.labels == ("A", "B") and splits(data) == {"train": 2, "valid": 2, "test": 2}


def test_splits__what_is_beside_them_is_listed(tmp_path: Path) -> None:
    root = cases.split_folders(tmp_path, ("train", "valid", "test"))
    cases.label_folders(root, "E", count=3)
    cases.label_folders(root / "train2", count=2)
    (root / "train" / "loose.jpg").write_bytes(b"x")
    data = read_folder(root)
    assert data.labels == tuple("ABCD") and len(data) == 32
    assert unused(data) == {
        "E/": "stray folder",
        "train2/": "stray folder",
        "train/loose.jpg": "loose photo",
    }
    assert {one.name: one.files for one in data.unused}["train2/"] == 8


def test_wrapping__kaggles_alphabet(tmp_path: Path) -> None:
    data = read_folder(cases.kaggle_alphabet(tmp_path))
    assert data.labels == tuple("ABCD") and splits(data) == {"train": 16, "test": 4}
    assert summary(data) == "split folders asl_alphabet_train/asl_alphabet_test, 4 labels"


def test_wrapping__is_looked_through_and_said(tmp_path: Path) -> None:
    put(tmp_path / "README.txt")
    cases.label_folders(tmp_path / "download" / "asl")
    data = read_folder(tmp_path)
    assert data.labels == tuple("ABCD") and "in 'download/asl'" in summary(data)
    assert unused(data) == {"README.txt": "other file"}
    assert data.samples[0].name == "download/asl/A/s0_0.jpg"


def test_groups__are_told_apart_by_shared_names_and_refused(tmp_path: Path) -> None:
    root = cases.pugeault(tmp_path)
    message = refused(
        root, "(1) 4 labels (A, B, C and D)", "(2) 4 signers or sources", "4 labels a, b, c and d"
    )
    assert message.endswith("--source folder (rooms, cameras) for the second")
    people = read_folder(root, signer="folder")
    assert people.labels == tuple("abcd") and people.signers == tuple("ABCD")
    assert read_folder(root, source="folder").sources == tuple("ABCD")
    assert read_folder(root, layout="labels").labels == tuple("ABCD")
    # An expression that finds the first folder, or the second, says it as well.
    assert read_folder(root, signer="^([^/]+)/").labels == tuple("abcd")
    assert read_folder(root, signer="^[^/]+/([^/]+)/").labels == tuple("ABCD")


def test_groups__one_shared_name_is_no_label(tmp_path: Path) -> None:
    put(*(tmp_path / label / "images" / "1.jpg" for label in "AB"))
    assert read_folder(tmp_path).labels == ("A", "B")


def test_groups__each_folder_is_a_source(tmp_path: Path) -> None:
    put(tmp_path / "lab" / "B" / "1.png", tmp_path / "lab" / "A" / "more" / "2.png")
    put(tmp_path / "hall" / "A" / "3.png", tmp_path / ".git" / "A" / "4.png", tmp_path / "README.md")
    put(tmp_path / "lab" / "loose.png")
    data = read_folder(tmp_path, source="folder")
    assert data.sources == ("hall", "lab") and data.labels == ("A", "B")
    assert [(s.name, s.label, s.source) for s in data.samples] == [
        ("hall/A/3.png", "A", "hall"),
        ("lab/A/more/2.png", "A", "lab"),
        ("lab/B/1.png", "B", "lab"),
    ]
    assert unused(data) == {".git": "hidden", "README.md": "other file", "lab/loose.png": "loose photo"}


def test_groups__with_given_splits(tmp_path: Path) -> None:
    put(tmp_path / "lab" / "train" / "A" / "1.png", tmp_path / "lab" / "val" / "A" / "2.png")
    put(tmp_path / "hall" / "train" / "A" / "3.png", tmp_path / "hall" / "val" / "A" / "4.png")
    refused(tmp_path, "split folders with labels in them", "--signer folder")
    data = read_folder(tmp_path, source="folder")
    assert {(s.source, s.split) for s in data.samples} == set(
        itertools.product(("lab", "hall"), ("train", "valid"))
    )
    again = cases.split_folders(tmp_path / "again", ("train", "test"))
    for split in ("train", "test"):
        (again / split).rename(again / f"{split}2")
        for signer in ("ann", "bo"):
            shutil.copytree(again / f"{split}2", again / split / signer)
        shutil.rmtree(again / f"{split}2")
    both = read_folder(again, signer="folder")
    assert both.labels == tuple("ABCD") and both.signers == ("ann", "bo")
    assert splits(both) == {"train": 32, "test": 16}


def test_flat__needs_label_from(tmp_path: Path) -> None:
    root = cases.flat(tmp_path / "flat")
    refused(root, "16 photos in the folder itself", "--label-from '([^/_]+)_[^/]*$'")
    (root / "other.jpg").write_bytes(b"x")
    data = read_folder(root, label_from=r"([^/_]+)_[^/]*$", signer=r"_(s\d)_")
    assert data.labels == tuple("ABCD") and data.signers == ("s0", "s1", "s2")
    assert unused(data) == {"other.jpg": "loose photo"}
    for bad, words in (("A", "has 0 groups"), ("(", "not a regular expression")):
        refused(root, "--label-from", words, label_from=bad)


def test_flat__split_folders_with_label_from(tmp_path: Path) -> None:
    put(*(tmp_path / split / f"{label}_1.jpg" for split in ("train", "test") for label in "AB"))
    refused(tmp_path, "4 photos in train and test", "--label-from")
    data = read_folder(tmp_path, label_from=r"([^/_]+)_[^/]*$")
    assert data.labels == ("A", "B") and splits(data) == {"train": 2, "test": 2}


def test_detection__is_explained(tmp_path: Path) -> None:
    refused(cases.yolo(tmp_path / "yolo"), "an export for detection (YOLO)", "Folder Structure")
    refused(cases.roboflow(tmp_path / "boxes", boxes_only=True), "an export for detection", "Multi-Label")
    put(*(tmp_path / "voc" / f"{i}.{end}" for i in range(2) for end in ("jpg", "xml")))
    refused(tmp_path / "voc", "an export for detection (Pascal VOC)")


def test_roboflow__classification(tmp_path: Path) -> None:
    data = read_folder(cases.roboflow(tmp_path))
    assert data.labels == tuple("ABCD") and splits(data) == {"train": 8, "valid": 8, "test": 8}
    assert summary(data) == "split folders train/valid/test with tables, 4 labels"
    assert set(unused(data).values()) == {"table", "other file"}


def test_labels__empty_ones_loose_photos_and_tables_are_listed(tmp_path: Path) -> None:
    root = cases.label_folders(tmp_path)
    (root / "Z" / "deep").mkdir(parents=True)
    put(root / "notes" / "a.txt", root / "loose.jpg", root / "more.zip")
    (root / "truth.csv").write_text("path,label\nA/s0_0.jpg,A\n")
    data = read_folder(root)
    assert data.labels == tuple("ABCD")
    assert {one.name: (one.kind, one.reason) for one in data.unused} == {
        "Z/": ("empty label", "empty"),
        "notes/": ("empty label", "no photo in it, but 1 other file"),
        "loose.jpg": ("loose photo", "in no label folder"),
        "more.zip": ("archive", "an archive; give its path to read what is in it"),
        "truth.csv": ("table", "a table that is not needed here; give its path to use it"),
    }


def test_table_in_a_folder__is_used_where_there_are_no_label_folders(tmp_path: Path) -> None:
    root = cases.flat(tmp_path / "flat")
    names = sorted(path.name for path in root.iterdir())
    cases.write_rows(root / "labels.csv", [["file", "class"], *([name, name[0]] for name in names[:-1])])
    data = read_folder(root)
    assert data.labels == tuple("ABCD") and len(data) == 15
    assert [(one.name, one.reason) for one in data.unused] == [(names[-1], "not in labels.csv")]
    (root / "images").mkdir()
    for name in names:
        (root / name).rename(root / "images" / name)
    assert len(read_folder(root)) == 15


def test_tables_in_a_folder__are_splits_by_their_names(tmp_path: Path) -> None:
    root = cases.flat(tmp_path / "flat")
    names = sorted(path.name for path in root.iterdir())
    for split, chosen in (("train", names[::2]), ("test", names[1::2])):
        cases.write_rows(root / f"{split}.csv", [["file", "class"], *([name, name[0]] for name in chosen)])
    assert splits(read_folder(root)) == {"train": 8, "test": 8}
    (root / "train.csv").rename(root / "more.csv")
    refused(root, "several tables of its photos (more.csv and test.csv)")


def test_pixels__of_kaggles_sign_mnist(tmp_path: Path) -> None:
    root = tmp_path / "mnist"
    for split in ("train", "test"):
        cases.write_rows(root / f"sign_mnist_{split}.csv", cases.pixel_rows(8))
    cases.draw_hand(1, 1).save(root / "amer_sign2.png")
    data = read_folder(root, cache=tmp_path / "cache")
    assert data.labels == tuple("0123") and splits(data) == {"train": 8, "test": 8}
    assert unused(data) == {"amer_sign2.png": "loose photo"}


def test_own_output__is_never_data(tmp_path: Path) -> None:
    root = cases.label_folders(tmp_path / "photos")
    run = root / "runs" / "first"
    run.mkdir(parents=True)
    (run / "config.json").write_text('{"command": "train", "settings": {}}')
    cases.draw_hand(1, 1).save(run / "samples.png")
    (root / "bundle").mkdir()
    (root / "bundle" / "config.json").write_text('{"format_version": 2, "labels": [], "network": {}}')
    (root / "cache" / "images").mkdir(parents=True)
    (root / "cache" / ".writable").touch()
    data = read_folder(root)
    assert data.labels == tuple("ABCD")
    assert {one.name: one.reason for one in data.unused} == {
        "runs/first/": "a run of handshape train",
        "bundle/": "a recogniser of handshape",
        "cache/": "handshape's cache",
    }
    refused(run, "is a run of handshape train", "give the folder of the photos")


def test_names__that_are_not_utf8_stay_different(tmp_path: Path) -> None:
    for name in (b"caf\xe9", b"caf\xe8"):
        put(tmp_path / os.fsdecode(name) / "1.png")
    data = read_folder(tmp_path)
    assert data.labels == (r"caf\xe8", r"caf\xe9")
    assert data.samples[0].path.read_bytes()


def test_nothing__says_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    refused(tmp_path, "no images in", "found: A/: empty", "zip or tar archive")
    assert re.search("put the photos of the label A", refused(tmp_path))

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handshape.errors import DataError, DataNotFoundError
from handshape.export.photos import LabelledPhoto, find_photos, spaced


def test_find_photos__of_the_run(finished: Any) -> None:
    photos = find_photos(finished.out / "recogniser", ("A", "B", "C"), None)
    assert photos.source == f"the run's test photos in {finished.photos}"
    split = finished.metrics["split"]
    assert (len(photos.check), len(photos.calibration)) == (split["test"], split["train"] + split["valid"])
    assert not {photo.image for photo in photos.check} & {photo.image for photo in photos.calibration}
    assert {photo.label for photo in photos.check} == {"A", "B", "C"}


def test_find_photos__drawn_when_those_of_the_run_are_gone(finished: Any, tmp_path: Path) -> None:
    shutil.copytree(finished.out, tmp_path / "run")
    config = tmp_path / "run" / "config.json"
    config.write_text(config.read_text().replace(str(finished.photos), str(tmp_path / "gone")))
    photos = find_photos(tmp_path / "run" / "recogniser", ("A", "hello"), None)
    assert photos.source == "drawn hands, because there are no photos"
    assert photos.check[0].pixels().shape == (256, 256, 3)


def test_find_photos__drawn_for_labels_that_are_no_letters(tmp_path: Path) -> None:
    photos = find_photos(tmp_path, ("yes", "no"), None)
    assert len(photos.check) == len(photos.calibration) == 12


def test_find_photos__named(make_photos: Any, tmp_path: Path) -> None:
    folder = make_photos("AB", signers=1, images=2)
    (folder / "A" / "notes.txt").write_text("no photo")
    photos = find_photos(tmp_path, ("A", "C"), folder)
    assert photos.source == f"photos in {folder}"
    assert [(p.image.name, p.label) for p in photos.check if isinstance(p.image, Path)] == [
        ("signer1_0.png", "A"),
        ("signer1_0.png", None),
    ]


def test_find_photos__nothing_where_photos_were_named(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match=r"no folder at '.*gone'"):
        find_photos(tmp_path, ("A",), tmp_path / "gone")
    with pytest.raises(DataError, match=r"no photo in '.*'"):
        find_photos(tmp_path, ("A",), tmp_path)


def test_spaced__evenly_and_readable_only(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"broken")
    drawn = [LabelledPhoto(np.full((2, 2, 3), n, np.uint8)) for n in range(10)]
    assert [int(p.pixels()[0, 0, 0]) for p in spaced(drawn, 4)] == [0, 3, 6, 9]
    assert len(spaced(drawn, 99)) == 10
    assert spaced([LabelledPhoto(tmp_path / "broken.png"), drawn[1]], 5) == [drawn[1]]
    with pytest.raises(
        DataError,
        match="none of 1 photos can be read",
    ):
        spaced([LabelledPhoto(tmp_path / "broken.png")], 5)


def test_find_photos__a_single_one_serves_for_both(make_photos: Any, tmp_path: Path) -> None:
    photos = find_photos(tmp_path, ("A",), make_photos("A", signers=1, images=1))
    assert len(photos.check) == 1 and photos.calibration == photos.check


def test_find_photos__of_a_run_whose_folders_are_sources(cli: Any, make_photos: Any, tmp_path: Path) -> None:
    for room in ("hall", "lab"):
        make_photos("AB", signers=3, images=1, name=f"rooms/{room}")
    words = (
        "--source",
        "folder",
        "--model",
        "cnn",
        "--epochs",
        1,
        "--device",
        "cpu",
        "--cache",
        tmp_path / "cache",
    )
    assert cli("train", tmp_path / "rooms", *words, "--out", tmp_path / "run").code == 0
    photos = find_photos(tmp_path / "run" / "recogniser", ("A", "B"), None)
    assert photos.source.startswith("the run's test photos") and {p.label for p in photos.check} == {"A", "B"}

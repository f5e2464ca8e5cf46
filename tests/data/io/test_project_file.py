"""A project of Teach, as `read_folder` reads it."""

import json
import zipfile
from pathlib import Path

import pytest
from tests import cases

from handshape.data.io.folder import read_folder

PHOTOS = ("hello/anna_1.jpg", "hello/Jörg_2_1.jpg", "hello/anna_2.jpg")


def archive(place: Path, about: object, photos: tuple[str, ...] = PHOTOS) -> Path:
    with zipfile.ZipFile(place, "w") as packed:
        packed.writestr("project.json", json.dumps(about))
        for photo in photos:
            packed.writestr(photo, "any bytes: nothing is decoded here")
    return place


def test_read_folder__a_project_has_signs_and_signers(tmp_path: Path) -> None:
    place = archive(tmp_path / "handshape-project.zip", {"format": 1, "base": None})
    zipfile.ZipFile(place).extractall(tmp_path / "unpacked")
    for data in (place, tmp_path / "unpacked"):
        found = read_folder(data)
        assert (found.labels, found.signers) == (("hello",), ("Jörg_2", "anna"))
        assert found.unused == () and found.layout is not None
        assert "a project of label folders" in found.layout.summary
    assert read_folder(place, signer="(ann)a_").signers == ("ann",)


@pytest.mark.parametrize("about", [{"format": 2}, [], "text", {}])
def test_read_folder__another_programs_file_is_no_project(tmp_path: Path, about: object) -> None:
    place = archive(tmp_path / "photos.zip", about, (*PHOTOS, "bye/anna_1.jpg"))
    found = read_folder(place)
    assert found.signers == ()
    assert [(one.name, one.kind) for one in found.unused] == [("project.json", "other file")]


def test_read_folder__a_project_without_signers(tmp_path: Path) -> None:
    root = cases.label_folders(tmp_path / "photos", ("A", "B"))
    (root / "project.json").write_text('{"format": 1}')
    for photo in root.rglob("*_*.*"):
        photo.rename(photo.with_name(photo.name.replace("_", "-")))
    assert read_folder(root).signers == ()

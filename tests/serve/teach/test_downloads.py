import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.serve.conftest import hand

from handshape.data.io.folder import read_folder
from handshape.data.io.project_file import SIGNER_PATTERN
from handshape.errors import AlbumError, ExportError, MissingExtraError


@pytest.fixture
def teacher(tmp_path: Path) -> Any:
    """Teach without a recogniser, with an empty folder."""
    from handshape.serve.prediction_queue import PredictionQueue
    from handshape.serve.teach.photo_folder import PhotoFolder
    from handshape.serve.teach.teacher import Teacher

    return Teacher(PhotoFolder(tmp_path / "photos"), PredictionQueue(None), tmp_path / "cache")


def taken(teacher: Any, what: Any) -> bytes:
    """Take an archive away."""
    from handshape.serve.teach.downloads import download

    return b"".join(download(teacher, what))


def test_download__the_project_is_a_class_folder(teacher: Any, tmp_path: Path) -> None:
    with pytest.raises(AlbumError):
        taken(teacher, "photos")
    for label, who in (("guten Tag", "Zoë"), ("guten Tag", "Ben"), ("bye", "Zoë")):
        teacher.folder.add(label, who, hand("L", 1, ord(who[0])))
    place = tmp_path / "handshape-project.zip"
    place.write_bytes(taken(teacher, "photos"))
    archive = zipfile.ZipFile(place)
    assert archive.testzip() is None
    assert json.loads(archive.read("project.json")) == {
        "format": 1,
        "base": None,
        "base_labels": [],
        "signer_pattern": SIGNER_PATTERN,
    }
    found = read_folder(place)
    assert (found.labels, found.signers) == (("bye", "guten Tag"), ("Ben", "Zoë"))
    assert found.unused == ()


@pytest.mark.slow
def test_download__the_bundle_and_why_there_is_no_page(
    teacher: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from handshape.recogniser import load
    from handshape.serve.teach import downloads

    with pytest.raises(AlbumError, match="nothing was taught"):
        taken(teacher, "bundle")
    for label in "LY":
        for index in range(2):
            teacher.folder.add(label, "Zoë", hand(label, 1, index))
    teacher.train()
    zipfile.ZipFile(io.BytesIO(taken(teacher, "bundle"))).extractall(tmp_path / "out")
    assert load(tmp_path / "out" / "recogniser").labels == ("L", "Y")

    def missing(folder: Path | None) -> Path:
        raise MissingExtraError("npm is not installed", "npm", "install it")

    monkeypatch.setattr(downloads, "find_runtime", missing)
    with pytest.raises(ExportError, match="the page cannot be made"):
        taken(teacher, "page")

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MakePhotos = Callable[..., Path]
OPTIONS = ("--backbone", "handnet", "--device", "cpu", "--views", 0, "--json")


@pytest.fixture
def fill(cli: Any, tmp_path: Path) -> Callable[..., Any]:
    """Run `handshape features` on one store."""

    def run(*words: object) -> Any:
        answer = cli("features", *OPTIONS, *words, "--store", tmp_path / "store")
        assert answer.code == 0, answer.err
        return answer.json

    return run


def rows(info: Any) -> list[int]:
    return [table["rows"] for table in info["tables"]]


def test_describe_store__an_empty_one(fill: Any, tmp_path: Path) -> None:
    info = fill("--info")
    assert info["store"] == str(tmp_path / "store")
    assert (info["tables"], info["facts"], info["folders"]) == ([], [], {})
    assert info["held_images"] == {"files": 0, "bytes": 0}


def test_describe_store__tables_rows_and_bytes(fill: Any, make_photos: MakePhotos) -> None:
    photos = make_photos(labels="AB", signers=1, images=3)
    fill(photos, "--views", 1)
    info = fill("--info")
    assert rows(info) == [6, 6]
    assert all(table["bytes"] > 6 * 192 * 16 * 2 for table in info["tables"])
    assert {table["shape"] for table in info["tables"]} == {"192x4x4"}
    assert [table["rows"] for table in info["facts"]] == [6]
    assert info["held_images"] == {"files": 1, "bytes": 6 * 224 * 224 * 3}
    assert info["folders"] == {str(photos): 6}
    assert info["bytes"] > sum(table["bytes"] for table in info["tables"]) + 6 * 224 * 224 * 3


def test_prune_store__nothing_is_gone(fill: Any, make_photos: MakePhotos) -> None:
    photos = make_photos(labels="AB", signers=1, images=2)
    fill(photos)
    (photos / "A" / "signer1_0.png").rename(photos / "B" / "other.png")
    assert fill(photos, "--prune", "--labels", "B")["pruned"] == {
        "photos": 0,
        "rows": 0,
        "held": 0,
        "kept": 0,
    }
    assert rows(fill("--info")) == [4]


def test_prune_store__a_photo_that_was_deleted(fill: Any, make_photos: MakePhotos) -> None:
    photos = make_photos(labels="AB", signers=1, images=3)
    fill(photos, "--views", 1)
    (photos / "A" / "signer1_0.png").unlink()
    assert fill(photos)["images"] == 5  # ignored meanwhile
    info = fill("--info")
    assert (rows(info), info["held_images"]["files"]) == ([6, 6], 2)
    # Two rows of features and one of facts; the images that were prepared while it was there.
    assert fill(photos, "--prune")["pruned"] == {"photos": 1, "rows": 3, "held": 1, "kept": 0}
    info = fill("--info")
    assert (rows(info), info["folders"], info["held_images"]["files"]) == ([5, 5], {str(photos): 5}, 1)
    assert fill(photos, "--prune")["pruned"]["photos"] == 0


def test_prune_store__what_another_folder_has_stays(
    fill: Any, make_photos: MakePhotos, tmp_path: Path
) -> None:
    photos = make_photos(labels="AB", signers=1, images=2)
    other = tmp_path / "other"
    shutil.copytree(photos, other)
    shutil.rmtree(other / "B")
    fill(photos)
    fill(other)
    for name in ("A/signer1_0.png", "B/signer1_0.png"):
        (photos / name).unlink()
    assert fill(photos, "--prune")["pruned"] == {"photos": 1, "rows": 2, "held": 1, "kept": 1}
    info = fill("--info")
    assert rows(info) == [3]
    assert info["folders"] == {str(other): 2, str(photos): 2}

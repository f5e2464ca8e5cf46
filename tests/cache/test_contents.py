from pathlib import Path
from typing import Any

import pytest

OPTIONS = ("--backbone", "handnet", "--device", "cpu", "--views", 1, "--json")


def test_cache_info__an_empty_one(cli: Any, tmp_path: Path) -> None:
    found = cli("cache", "info", "--cache", tmp_path / "cache", "--json").json
    assert found["cache"] == str(tmp_path / "cache")
    assert (found["features"], found["facts"]) == ([], [])
    assert found["images"] == {"files": 0, "bytes": 0}


@pytest.mark.slow
def test_cache__what_features_keep_is_described_and_deleted(
    cli: Any, make_photos: Any, tmp_path: Path
) -> None:
    photos, cache_dir = make_photos("AB", signers=1, images=3), tmp_path / "cache"
    cache_dir.mkdir()
    (cache_dir / "mine.txt").write_text("not handshape's")
    assert cli("features", photos, *OPTIONS, "--cache", cache_dir).code == 0
    found = cli("cache", "info", "--cache", cache_dir, "--json").json
    assert [table["rows"] for table in found["features"]] == [6, 6]
    assert {table["shape"] for table in found["features"]} == {"192x4x4"}
    assert all(table["bytes"] > 6 * 192 * 16 * 2 for table in found["features"])
    assert [table["rows"] for table in found["hands"]] == [table["rows"] for table in found["facts"]] == [6]
    assert found["images"]["bytes"] >= 6 * 224 * 224 * 3
    shown = cli("cache", "info", "--cache", cache_dir).out
    assert "handnet" in shown and "192x4x4" in shown and "Measurements of 6 images" in shown
    assert "Hand landmarks of 6 images" in shown
    freed = cli("cache", "clear", "--cache", cache_dir, "--json").json["freed"]
    assert freed > 6 * 224 * 224 * 3
    found = cli("cache", "info", "--cache", cache_dir, "--json").json
    assert (found["features"], found["facts"], found["images"]["files"]) == ([], [], 0)
    assert (cache_dir / "mine.txt").is_file()
    assert cli("features", photos, *OPTIONS, "--cache", cache_dir).code == 0  # made again

import json
import shutil
from pathlib import Path
from typing import Any

import pytest


def photos_of(finished: Any, count: int = 3) -> list[Path]:
    return sorted(finished.photos.rglob("*.png"))[:: 24 // count][:count]


def test_predict__json_for_each_image(cli: Any, finished: Any) -> None:
    photos = photos_of(finished)
    answers = cli("predict", finished.out, *photos, "--json").json
    assert [answer["path"] for answer in answers] == [str(photo) for photo in photos]
    for answer in answers:
        assert set(answer) == {"path", "label", "probability", "sure", "top"}
        assert answer["label"] in ("A", "B", "C", "unsure")
        assert answer["top"][0][1] == answer["probability"]
        assert sum(share for _, share in answer["top"]) == pytest.approx(1, abs=1e-5)


def test_predict__one_line_for_each_image(cli: Any, finished: Any) -> None:
    photos = photos_of(finished)
    answer = cli("predict", finished.out / "recogniser", *photos)
    told = cli("predict", finished.out, *photos, "--json").json
    assert answer.err == ""
    assert answer.out.splitlines() == [
        f"{found['path']}\t{found['label']}\t{found['probability']:.4f}" for found in told
    ]


def test_predict__unsure_below_the_threshold(cli: Any, finished: Any, tmp_path: Path) -> None:
    shutil.copytree(finished.out / "recogniser", tmp_path / "bundle")
    path = tmp_path / "bundle" / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**config, "threshold": 1.0}), encoding="utf-8")
    (answer,) = cli("predict", tmp_path / "bundle", photos_of(finished)[0], "--json").json
    assert answer["label"] == "unsure"
    assert answer["top"][0][0] in ("A", "B", "C")


def test_predict__a_missing_image_stops_before_any_is_read(cli: Any, finished: Any, tmp_path: Path) -> None:
    answer = cli("predict", finished.out, photos_of(finished)[0], tmp_path / "gone.png")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith(f"handshape predict: no image at '{tmp_path / 'gone.png'}'")


def test_predict__a_damaged_image(cli: Any, finished: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    answer = cli("predict", finished.out, tmp_path / "broken.jpg")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith(f"handshape predict: '{tmp_path / 'broken.jpg'}': ")
    assert answer.err.count("\n") == 1


def test_predict__no_image_named_is_wrong_usage(cli: Any, finished: Any) -> None:
    assert cli("predict", finished.out).code == 2

import csv
import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests import cases
from tests.bundles import change

from handshape import terminal
from handshape.config.use import PredictConfig


def photos_of(finished: Any, count: int = 3) -> list[Path]:
    return sorted(finished.photos.rglob("*.png"))[:: 24 // count][:count]


def test_predict__json_for_each_image(cli: Any, finished: Any) -> None:
    photos = photos_of(finished)
    answers = cli("predict", finished.out, *photos, "--json").json
    assert [answer["path"] for answer in answers] == [str(photo) for photo in photos]
    for answer in answers:
        assert set(answer) == {"path", "label", "probability", "sure", "hand_found", "right_hand", "top"}
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


def test_predict__a_csv_table_and_one_for_people(
    cli: Any, finished: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = photos_of(finished)
    rows = list(csv.DictReader(io.StringIO(cli("predict", finished.out, *photos, "--csv").out)))
    told = cli("predict", finished.out, *photos, "--json").json
    assert [(row["path"], row["label"]) for row in rows] == [(one["path"], one["label"]) for one in told]
    assert cli("predict", finished.out, *photos, "--csv", "--json").code == 2
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    terminal.show_predict(PredictConfig(bundle=finished.out, images=photos), told)
    shown = " ".join(capsys.readouterr().out.split())
    assert "next likely" in shown and f"{100 * told[0]['probability']:.1f} %" in shown


def test_predict__unsure_below_the_threshold(cli: Any, finished: Any, tmp_path: Path) -> None:
    shutil.copytree(finished.out / "recogniser", tmp_path / "bundle")
    change(tmp_path / "bundle", lambda config: config.update(threshold=1.0))
    (answer,) = cli("predict", tmp_path / "bundle", photos_of(finished)[0], "--json").json
    assert answer["label"] == "unsure"
    assert answer["top"][0][0] in ("A", "B", "C")


@pytest.mark.slow
def test_predict__folders_and_bad_photos_do_not_cost_the_others_their_answer(
    cli: Any, finished: Any, tmp_path: Path
) -> None:
    folder = cases.odd_files(tmp_path / "photos")
    gone, (photo,) = tmp_path / "gone.png", photos_of(finished, 1)
    answer = cli("predict", finished.out, photo, gone, folder, "--json")
    assert answer.code == 1
    found = {Path(one["path"]).name: one for one in answer.json}
    assert "label" in found[photo.name] and "label" in found["cmyk.jpg"] and "label" in found["anim.gif"]
    assert found["gone.png"]["error"] == "no such file"
    assert found["dot.png"]["error"] == "too small (1 x 1 pixels)"
    assert found["huge.png"]["error"] == "too large (12000 x 9000 pixels)"
    assert found["page.jpg"]["error"] == "not an image, or of an unknown format"
    assert found["empty.jpg"]["error"] == "the file is empty"
    bad = ["IMG_1.HEIC", "cut.jpg", "dot.png", "empty.jpg", "gone.png", "huge.png", "line.png", "page.jpg"]
    assert sorted(name for name, one in found.items() if "error" in one) == bad
    assert "Not used (unreadable): 4" in answer.err
    told = cli("predict", finished.out, photo, gone, folder)
    assert told.code == 1 and len(told.out.splitlines()) == len(answer.json) - len(bad)
    for name in bad:
        (line,) = (line for line in told.err.splitlines() if f"/{name}: " in line)
        assert line.endswith(f": {found[name]['error']}")


def test_predict__no_image_at_all(cli: Any, finished: Any, tmp_path: Path) -> None:
    answer = cli("predict", finished.out, tmp_path / "gone.png")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith(f"handshape predict: no image at '{tmp_path / 'gone.png'}' (no such file)")
    (tmp_path / "empty").mkdir()
    answer = cli("predict", finished.out, tmp_path / "empty")
    assert answer.code == 1 and "no photo in it" in answer.err


def test_predict__names_are_shown_escaped(cli: Any, finished: Any, tmp_path: Path) -> None:
    evil = tmp_path / "\x1b]0;x\x07[red]a.png"
    shutil.copy(photos_of(finished)[0], evil)
    answer = cli("predict", finished.out, evil)
    assert answer.out.startswith(f"{tmp_path}/\\x1b]0;x\\x07[red]a.png\t")


def test_predict__no_image_named_is_wrong_usage(cli: Any, finished: Any) -> None:
    assert cli("predict", finished.out).code == 2

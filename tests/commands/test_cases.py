"""The commands on data sets as people bring them: what each says, and what it exits with."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests import cases
from tests.nobody import locked, run_as_nobody

Cli = Callable[..., Any]
_FAST = ("--model", "frozen", "--backbone", "squeezenet1_1", "--weights", "untrained", "--views", "0")


@pytest.fixture
def inspect(cli: Cli, tmp_path: Path) -> Callable[..., Any]:
    """Inspect and return the JSON object, or the error."""

    def run(data: Path, *words: str, code: int = 0) -> Any:
        answer = cli("inspect", data, "--cache", tmp_path / "cache", *words, "--json")
        assert answer.code == code, answer.err
        return answer.err if code else {**answer.json, "err": answer.err}

    return run


def counts(found: dict[str, Any]) -> dict[str, int]:
    return {name: sum(labels.values()) for name, labels in found["split"]["counts"].items()}


def kinds(found: dict[str, Any]) -> dict[str, int]:
    return {kind: sum(one["files"] for one in rows) for kind, rows in found["unused"].items()}


@pytest.mark.parametrize(
    "names",
    [("Train", "Valid", "Test"), ("training", "validation", "testing"), ("train", "validation", "test")],
)
def test_splits_in_any_name(inspect: Callable[..., Any], tmp_path: Path, names: tuple[str, ...]) -> None:
    found = inspect(cases.split_folders(tmp_path / "d", names))
    assert found["labels"] == list("ABCD") and found["split"]["kind"] == "given"
    assert counts(found) == {"train": 16, "valid": 8, "test": 8} and found["unused"] == {}
    assert found["layout"]["splits"] == dict(zip(names, ("train", "valid", "test"), strict=True))
    assert found["err"].startswith(f"Data: split folders {'/'.join(names)}, 4 labels\n")


@pytest.mark.parametrize(("names", "missing"), [(("train", "test"), "valid"), (("train", "val"), "test")])
def test_two_of_three__the_missing_one_is_cut_and_said(
    inspect: Callable[..., Any], tmp_path: Path, names: tuple[str, ...], missing: str
) -> None:
    found = inspect(cases.split_folders(tmp_path / "d", names))
    assert found["split"]["cut"] == {"split": missing, "by": "burst"}
    assert 0 < counts(found)[missing] < 8 and sum(counts(found).values()) == 24
    assert re.search(
        rf"No {missing} split is given: \d training photos are taken for it, by burst", found["err"]
    )


def test_kaggles_alphabet(inspect: Callable[..., Any], tmp_path: Path) -> None:
    found = inspect(cases.kaggle_alphabet(tmp_path / "d"))
    assert found["labels"] == list("ABCD") and counts(found)["test"] == 4
    assert found["layout"]["kind"] == "splits" and found["layout"]["folder"] == ""


def test_signer_above_label__is_an_error_with_both_readings(
    inspect: Callable[..., Any], tmp_path: Path
) -> None:
    root = cases.pugeault(tmp_path / "d")
    error = inspect(root, code=1)
    assert "can be read in two ways" in error and "--layout labels" in error and "--signer folder" in error
    found = inspect(root, "--signer", "folder")
    assert found["labels"] == list("abcd") and found["signers"] == dict.fromkeys("ABCD", 8)
    assert inspect(root, "--layout", "labels")["labels"] == list("ABCD")


def test_everything_unused_is_listed_and_counted(inspect: Callable[..., Any], tmp_path: Path) -> None:
    root = cases.split_folders(tmp_path / "d", ("train", "valid", "test"))
    cases.label_folders(root, "E", count=3)
    (root / "train" / "Z").mkdir()
    (root / "train" / "A" / ".DS_Store").write_bytes(b"x")
    (root / "train" / "loose.jpg").write_bytes(b"x")
    found = inspect(root)
    assert kinds(found) == {"stray folder": 3, "empty label": 0, "hidden": 1, "loose photo": 1}
    assert {one["path"] for rows in found["unused"].values() for one in rows} == {
        *("E/", "train/Z/", "train/A/.DS_Store", "train/loose.jpg"),
    }
    (finding,) = (one for one in found["findings"] if one["kind"] == "not_used")
    assert finding["severity"] == "warning" and "empty label: 1" in finding["message"]


def test_archives_and_tables(inspect: Callable[..., Any], tmp_path: Path) -> None:
    folder = cases.label_folders(tmp_path / "ok")
    rows = [
        ["path", "label"],
        *([f"ok/{p.parent.name}/{p.name}", p.parent.name] for p in folder.rglob("*.jpg")),
    ]
    rows.append([rows[1][0], ""])
    for data in (
        cases.zipped(folder, tmp_path / "ok.zip"),
        cases.tarred(folder, str(tmp_path / "ok"), "gz"),
        cases.write_rows(tmp_path / "ok.csv", rows, sep=";", encoding="utf-16"),
    ):
        found = inspect(data)
        assert found["labels"] == list("ABCD") and found["images"] == 16
        assert kinds(found) == ({"table row": 1} if data.suffix == ".csv" else {})
    assert [one["reason"] for one in found["unused"]["table row"]] == ["it has no label"]


def test_pixels(inspect: Callable[..., Any], tmp_path: Path) -> None:
    found = inspect(cases.write_rows(tmp_path / "sign_mnist_train.csv", cases.pixel_rows()))
    assert found["images"] == 12 and found["layout"]["kind"] == "pixels"
    assert found["sizes"] == [{"width": 28, "height": 28, "mode": "L", "images": 12}]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (cases.flat, "16 photos in the folder itself and in no label folder"),
        (cases.yolo, "an export for detection (YOLO)"),
    ],
)
def test_refusals_name_what_it_is(
    inspect: Callable[..., Any], tmp_path: Path, make: Callable[[Path], Path], words: str
) -> None:
    assert words in inspect(make(tmp_path / "d"), code=1)


def test_flat_with_label_from(inspect: Callable[..., Any], tmp_path: Path) -> None:
    found = inspect(cases.flat(tmp_path / "d"), "--label-from", "([^/_]+)_[^/]*$")
    assert found["labels"] == list("ABCD") and found["images"] == 16


def test_odd_files(inspect: Callable[..., Any], tmp_path: Path) -> None:
    found = inspect(cases.odd_files(tmp_path / "d"))
    reasons = {one["path"].removeprefix("A/"): one["reason"] for one in found["unreadable"]}
    assert reasons.pop("IMG_1.HEIC").startswith(("a damaged HEIC photo", "a HEIC photo"))
    assert reasons.pop("clip.mp4").startswith("a video")
    assert reasons.pop("cut.jpg").startswith("damaged")
    assert reasons == {
        "dot.png": "too small (1 x 1 pixels)",
        "line.png": "too small (1 x 4000 pixels)",
        "huge.png": "too large (12000 x 9000 pixels)",
        "empty.jpg": "the file is empty",
        "page.jpg": "not an image, or of an unknown format",
        "noending": "not an image file (no ending)",
        "paper.pdf": "not an image file (.pdf)",
        "vector.eps": "not an image file (.eps)",
    }
    assert found["counts"]["A"] == 10


def test_long_names_and_deep_folders(inspect: Callable[..., Any], tmp_path: Path) -> None:
    found = inspect(cases.label_folders(tmp_path / "long", ["A" * 240, "B"]), "--out", tmp_path / "sheet")
    assert found["counts"] == {"A" * 240: 4, "B": 4} and (tmp_path / "sheet" / "samples.png").is_file()
    found = inspect(cases.deep(tmp_path / "deep"))
    assert found["labels"] == list("ABCD") and found["counts"]["A"] == 5 and found["unused"] == {}


def test_exif__a_photo_is_turned_as_it_says(inspect: Callable[..., Any], tmp_path: Path) -> None:
    upright, turned = (inspect(root) for root in cases.exif(tmp_path / "d"))
    assert upright["sizes"] == turned["sizes"] == [{"width": 48, "height": 32, "mode": "RGB", "images": 16}]
    assert upright["example"] == turned["example"]  # the same pixels
    assert upright["findings"] == turned["findings"]


def test_cutout__what_is_transparent_is_white(inspect: Callable[..., Any], tmp_path: Path) -> None:
    found = inspect(cases.cutout(tmp_path / "d"))
    assert found["labels"] == list("ABCD") and found["images"] == 16 and found["unreadable"] == []
    assert [one["mode"] for one in found["sizes"]] == ["RGBA"]
    (plain,) = (one for one in found["findings"] if one["kind"] == "plain_background")
    assert plain["message"].startswith("16 photos have the same plain background (#ffffff)")


@pytest.mark.slow
def test_uneven__said_in_terminal_figures_and_report(cli: Cli, tmp_path: Path) -> None:
    words = ("--cache", tmp_path / "cache", "--out", tmp_path / "run", *_FAST, "--json")
    answer = cli("train", cases.uneven(tmp_path / "d"), *words)
    assert answer.code == 0, answer.err
    report = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    found = [(one["kind"], one["message"]) for one in answer.json["findings"]]
    # With two photos of C, a split lacks it.
    for kind, told in (
        ("imbalance", "A has 40 photos and C has 2."),
        ("few_photos", "1 label has fewer than 10 photos (C)."),
        ("no_", "photo shows C."),
    ):
        texts = [message for name, message in found if name.startswith(kind) and told in message]
        assert texts and all(text in report for text in texts)
        assert any(text in answer.err for text in texts)
    assert answer.json["data"]["photos"] == sum(
        answer.json["split"][one] for one in ("train", "valid", "test")
    )


@pytest.mark.slow
def test_many__the_confusion_matrix_can_be_read(cli: Cli, tmp_path: Path) -> None:
    words = ("--cache", tmp_path / "cache", "--out", tmp_path / "run", *_FAST)
    answer = cli("train", cases.many(tmp_path / "d"), *words)
    assert answer.code == 0, answer.err
    drawn = (tmp_path / "run" / "plots" / "confusion-frozen.svg").read_text(encoding="utf-8")
    assert "60 labels in order" in drawn and "sign001" not in drawn
    assert drawn.count("<text") < 10
    report = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert all(f">sign{number:03}<" in report for number in range(60))


def test_inside__the_own_run_is_never_data(
    cli: Cli, in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = cases.label_folders(in_folder / "photos")
    monkeypatch.chdir(root)
    for _ in range(2):
        answer = cli("inspect", ".", "--out", "runs/first", "--cache", "kept", "--force", "--json")
        assert answer.code == 0 and answer.json["labels"] == list("ABCD")
    assert [one["path"] for one in answer.json["unused"]["handshape's own"]] == ["kept/", "runs/first/"]


def test_labels_that_are_nearly_the_same_or_words_of_handshape(
    inspect: Callable[..., Any], tmp_path: Path
) -> None:
    labels = ["A", "a", "caf\u00e9", "cafe\u0301", "unsure", "B ", "B"]
    found = inspect(cases.label_folders(tmp_path / "d", labels))
    assert len(found["labels"]) == 7
    texts = {one["kind"]: one for one in found["findings"]}
    assert set(texts["similar_labels"]["labels"]) == set(labels) - {"unsure"}
    assert texts["reserved_label"]["labels"] == ["unsure"]


def test_links_that_lead_out_are_counted(inspect: Callable[..., Any], tmp_path: Path) -> None:
    ok, root = cases.label_folders(tmp_path / "ok"), tmp_path / "d"
    cases.label_folders(root, "E")
    for label in "AB":
        (root / label).symlink_to(ok / label)
    (root / "E" / "again").symlink_to(root)
    layout = inspect(root)["layout"]
    assert (layout["links"], layout["links_out"]) == (2, 2)
    assert inspect(root, "--no-follow-links")["labels"] == ["E"]


@pytest.mark.slow
def test_output_that_cannot_show_a_label(tmp_path: Path) -> None:
    root = cases.label_folders(tmp_path / "d", ["手", "é", "[bold]x\x1b[31m"], count=3)
    words = [sys.executable, "-m", "handshape.cli", "inspect", root, "--cache", tmp_path / "cache"]
    code = "from handshape.cli import main; main()"
    for extra in ([], ["--json"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, words[3:]), *extra],
            env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "[bold]x" in done.stdout and "\x1b" not in done.stdout + done.stderr
    assert "\\u624b" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("where", ["A", "A/sub", "A/s0_0.jpg"])
def test_permission__named_and_counted_and_trained_without(public_path: Path, where: str) -> None:
    root = cases.label_folders(public_path / "d", count=8)
    cases.label_folders(root / "A", ["sub"], count=2, start=50)
    warm = cases.label_folders(public_path / "warm", count=6)
    cache, words = str(public_path / "cache"), ["--out", str(public_path / "{}"), *_FAST]
    before = f"""
import json, subprocess
from typer.testing import CliRunner
from handshape.cli import app
def go(*words):
    done = CliRunner().invoke(app, [*words, "--cache", {cache!r}])
    print(done.exit_code, done.stdout, done.stderr)
go("inspect", {str(warm)!r})
go("train", {str(warm)!r}, *{[word.format("first") for word in words]!r})
subprocess.run(["chmod", "-R", "a+rwX", {cache!r}])
print("=====")
"""
    after = f"""
go("inspect", {str(root)!r})
go("train", {str(root)!r}, *{[word.format("second") for word in words]!r})
"""
    with locked(root / where):
        done = run_as_nobody(public_path, before, after)
    told = done.stdout.rpartition("=====")[2]
    reason = "cannot be read (Permission denied)"
    assert told.count(reason) >= 2 and told.count(where) >= 2, done.stdout + done.stderr
    assert re.findall(r"^(\d) ", told.strip(), re.MULTILINE)[0] == "0"
    assert (public_path / "second" / "metrics.json").is_file(), told


def test_data_is_checked_before_weights_are_fetched(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetched(*words: object, **options: object) -> None:
        raise AssertionError("weights were fetched")

    for module in ("train", "study", "features"):
        monkeypatch.setattr(f"handshape.commands.{module}.load_backbone", fetched)
    one = cases.label_folders(tmp_path / "one", "A")
    bad = cases.label_folders(tmp_path / "bad", "AB")
    for path in bad.rglob("*.jpg"):
        path.write_bytes(b"no image")
    cache = ("--cache", tmp_path / "cache")
    for command in (("train",), ("compare",), ("study", "chirality")):
        for data, words in ((one, "only one label"), (bad, "photos of 0 of 2 labels can be read")):
            answer = cli(*command, data, *cache, "--out", tmp_path / "out")
            assert answer.code == 1 and words in answer.err
    answer = cli("train", cases.label_folders(tmp_path / "ok"), *cache, "--folds", "signers")
    assert answer.code == 1 and "0 known signers" in answer.err
    assert cli("features", tmp_path / "none", *cache).code == 1

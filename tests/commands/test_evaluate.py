import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bundles import change


def evaluate(cli: Any, bundle: Path, data: Path, cache_dir: Path, *options: object) -> Any:
    # The photos of the finished run are mostly those that it was trained on.
    answer = cli("evaluate", bundle, data, "--cache", cache_dir, "--include-known", *options, "--json")
    assert answer.code == 0, answer.err
    return answer.json


def test_evaluate__the_test_photos_give_the_accuracy_of_training(
    cli: Any, finished: Any, tmp_path: Path
) -> None:
    with (finished.out / "predictions.csv").open(newline="", encoding="utf-8") as file:
        bundle = json.loads((finished.out / "recogniser" / "config.json").read_text(encoding="utf-8"))
        model = bundle["network"]["model"]
        tested = [row for row in csv.DictReader(file) if row["model"] == model]
    table = tmp_path / "tested.csv"
    lines = [f"{finished.photos / row['path']},{row['label']},{row['signer']}" for row in tested]
    table.write_text("path,label,signer\n" + "\n".join(lines), encoding="utf-8")
    found = evaluate(cli, finished.out, table, finished.cache)
    model_figures = finished.metrics["models"][model]
    assert found["n"] == len(tested)
    assert found["accuracy"] == model_figures["test_accuracy"]
    assert found["interval"] == model_figures["test_interval"]
    assert found["confusion"] == model_figures["confusion"]
    assert {name: figures["n"] for name, figures in found["signers"].items()} == {
        name: figures["n"] for name, figures in model_figures["signers"].items()
    }


def test_evaluate__by_the_contract(cli: Any, finished: Any) -> None:
    found = evaluate(cli, finished.out, finished.photos, finished.cache, "--signer", r"signer(\d)_")
    assert found["n"] == 24
    low, high = found["interval"]
    assert 0 <= low <= found["accuracy"] <= high <= 1
    assert list(found["labels"]) == ["A", "B", "C"]
    assert all(figures["support"] == 8 for figures in found["labels"].values())
    assert {name: figures["n"] for name, figures in found["signers"].items()} == dict.fromkeys("1234", 6)
    assert found["unknown_labels"] == [] and found["unreadable"] == 0


def test_evaluate__labels_travel_by_name(cli: Any, finished: Any, make_photos: Callable[..., Path]) -> None:
    # Only B and C are here; their classes stay those of the recogniser.
    photos = make_photos("ABC", signers=4, images=2)
    whole = evaluate(cli, finished.out, photos, finished.cache)
    for path in (photos / "A").iterdir():
        path.unlink()
    (photos / "A").rmdir()
    found = evaluate(cli, finished.out, photos, finished.cache)
    assert found["n"] == 16 and found["missing_labels"] == ["A"]
    assert found["confusion"][1:] == whole["confusion"][1:]
    assert found["labels"]["A"]["support"] == 0 and found["labels"]["A"]["recall"] is None


def test_evaluate__leaves_out_labels_it_does_not_know_and_says_so(
    cli: Any, finished: Any, make_photos: Callable[..., Path]
) -> None:
    photos = make_photos("ABC", signers=1, images=2)
    (photos / "C").rename(photos / "thumbs-up")
    words = ("--cache", finished.cache, "--include-known", "--json")
    answer = cli("evaluate", finished.out, photos, *words)
    assert answer.json["n"] == 4 and answer.json["unknown_labels"] == ["thumbs-up"]
    assert 'Skipped 2 photos labelled "thumbs-up"' in answer.err


def test_evaluate__no_label_that_it_knows(cli: Any, finished: Any, make_photos: Callable[..., Path]) -> None:
    photos = make_photos("XY", signers=1, images=1)
    answer = cli("evaluate", finished.out, photos, "--cache", finished.cache)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.splitlines()[-1].startswith(
        f"handshape evaluate: no photo of the recogniser's labels in '{photos}'"
    )


def test_evaluate__writes_a_run_when_asked_to(cli: Any, finished: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    found = evaluate(cli, finished.out, finished.photos, finished.cache, "--out", run)
    assert json.loads((run / "metrics.json").read_text(encoding="utf-8")) == found
    assert json.loads((run / "config.json").read_text(encoding="utf-8"))["command"] == "evaluate"
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "test photos were classified correctly" in page
    assert {path.name for path in (run / "plots").iterdir()} == {"confusion.svg", "coverage.svg"}
    assert not re.search(r"(src|href)=.(https?:)?//", page)  # it opens offline
    answer = cli("evaluate", finished.out, finished.photos, "--cache", finished.cache, "--out", run)
    assert answer.code == 1 and "is not empty" in answer.err


def test_evaluate__says_which_signers_it_was_trained_on(cli: Any, finished: Any, tmp_path: Path) -> None:
    words = ("--signer", r"signer(\d)_", "--out", tmp_path / "run")
    found = evaluate(cli, finished.out, finished.photos, finished.cache, *words)
    config = json.loads((finished.out / "recogniser" / "config.json").read_text(encoding="utf-8"))
    assert found["signers_trained_on"] == config["trained_on"]["signers"] != []
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "<strong>Known signers.</strong>" in page


def test_evaluate__the_page_cautions_where_it_must(
    cli: Any, finished: Any, make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    photos = make_photos("ABC", signers=1, images=3)
    (photos / "C").rename(photos / "thumbs<up>")
    (photos / "A" / "broken.png").write_bytes(b"")
    evaluate(cli, finished.out, photos, finished.cache, "--out", tmp_path / "run")
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    for words in (
        "<strong>Signers not known.</strong>",
        "Photos labelled thumbs&lt;up&gt;:",
        "No photo here shows C,",
        "1 file could not be read, starting with A/broken.png.",
    ):
        assert words in page


def test_evaluate__per_source(
    cli: Any, finished: Any, make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    for room in ("hall", "lab"):
        make_photos("ABC", signers=1, images=2, name=f"rooms/{room}")
    words = (tmp_path / "rooms", finished.cache, "--source", "folder", "--out", tmp_path / "run")
    found = evaluate(cli, finished.out, *words)
    assert {name: figures["n"] for name, figures in found["sources"].items()} == {"hall": 6, "lab": 6}
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Accuracy by source" in page


def test_evaluate__known_photos_are_left_out_and_counted(cli: Any, finished: Any, tmp_path: Path) -> None:
    cache = ("--cache", finished.cache)
    with (finished.out / "predictions.csv").open(newline="", encoding="utf-8") as file:
        tested = {row["path"] for row in csv.DictReader(file)}
    answer = cli("evaluate", finished.out, finished.photos, *cache, "--json")
    assert answer.code == 0, answer.err
    found = answer.json
    assert found["n"] + found["known_photos"] == 24 and found["n"] <= len(tested)
    assert found["known_photos"] >= 24 - len(tested) and "--include-known measures them" in answer.err
    assert found["claim"]["kind"] != "known photos"
    with_them = cli("evaluate", finished.out, finished.photos, *cache, "--include-known", "--json").json
    assert with_them["n"] == 24 and with_them["known_photos"] == found["known_photos"]
    assert with_them["claim"]["kind"] == "known photos"
    table = tmp_path / "trained.csv"
    rows = [
        path
        for path in finished.photos.rglob("*.png")
        if str(path.relative_to(finished.photos)) not in tested
    ]
    table.write_text(
        "path,label\n" + "\n".join(f"{path},{path.parent.name}" for path in rows), encoding="utf-8"
    )
    answer = cli("evaluate", finished.out, table, *cache, "--json")
    assert (answer.code, answer.out) == (1, "")
    assert f"all {len(rows)} photos are training photos of this recogniser" in answer.err


def test_evaluate__of_given_splits_the_test_split_is_measured(
    cli: Any, finished: Any, tmp_path: Path
) -> None:
    data = tmp_path / "given"
    for split, label in (("train", "A"), ("train", "B"), ("test", "A"), ("test", "B")):
        shutil.copytree(finished.photos / label, data / split / label)
    answer = cli("evaluate", finished.out, data, "--cache", finished.cache, "--include-known", "--json")
    assert answer.json["n"] == 16
    assert (
        "Measured on the test split of the data: 16 photos. The other 16 are in its other splits."
        in answer.err
    )


def test_evaluate__without_a_list_of_training_photos(cli: Any, finished: Any, tmp_path: Path) -> None:
    shutil.copytree(finished.out / "recogniser", tmp_path / "bundle")
    change(tmp_path / "bundle", lambda config: config["digests"].pop("known_photos.bin"))
    (tmp_path / "bundle" / "known_photos.bin").unlink()
    answer = cli("evaluate", tmp_path / "bundle", finished.photos, "--cache", finished.cache, "--json")
    assert answer.json["n"] == 24 and answer.json["known_photos"] is None
    assert "has no list of its training photos" in answer.err

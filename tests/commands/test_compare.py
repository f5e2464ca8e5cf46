import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal
from urllib.error import URLError

import pytest

from handshape.synthetic import draw_dataset

SMALL = ("--backbone", "squeezenet1_1", "--weights", "untrained", "--device", "cpu", "--epochs", 1)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def check_contract(metrics: dict[str, Any], names: list[str]) -> None:
    split = metrics["split"]
    assert split["kind"] in ("signer", "random", "given")
    assert all(isinstance(split[side], int) and split[side] > 0 for side in ("train", "valid", "test"))
    assert list(metrics["models"]) == names
    for model in metrics["models"].values():
        low, high = model["test_interval"]
        assert 0 <= low <= model["test_accuracy"] <= high <= 1
        assert 0 <= model["valid_accuracy"] <= 1
        seconds, parameters = model["seconds"], model["parameters"]
        assert seconds["total"] == pytest.approx(seconds["features"] + seconds["train"])
        assert min(seconds.values()) >= 0
        assert 0 < parameters["trained"] <= parameters["total"]


def test_compare__metrics_by_the_contract(finished: Any) -> None:
    check_contract(finished.metrics, ["cnn", "frozen", "combined"])
    assert finished.metrics["split"]["kind"] == "signer"
    assert sum(finished.metrics["split"][side] for side in ("train", "valid", "test")) == 24
    cnn, frozen, _ = finished.metrics["models"].values()
    assert cnn["parameters"]["trained"] == cnn["parameters"]["total"]
    assert frozen["parameters"]["trained"] < frozen["parameters"]["total"]
    assert json.loads((finished.out / "metrics.json").read_text(encoding="utf-8")) == finished.metrics


def test_compare__both_models_read_the_same_test_photos(finished: Any) -> None:
    found = rows(finished.out / "predictions.csv")
    sides = {name: [r["path"] for r in found if r["model"] == name] for name in ("cnn", "frozen")}
    assert sides["cnn"] == sides["frozen"] and len(sides["cnn"]) == finished.metrics["split"]["test"]
    assert {row["split"] for row in found} == {"test"}
    for name, model in finished.metrics["models"].items():
        own = [row for row in found if row["model"] == name]
        assert sum(row["label"] == row["predicted"] for row in own) / len(own) == model["test_accuracy"]


def test_compare__saves_the_model_that_it_names(finished: Any) -> None:
    config = json.loads((finished.out / "recogniser" / "config.json").read_text(encoding="utf-8"))
    assert config["network"]["model"] == finished.metrics["best"] and finished.metrics["best_because"]


@pytest.mark.slow
@pytest.mark.parametrize("model", ["cnn", "frozen"])
def test_compare__predict_gives_the_same_probabilities(
    cli: Any, finished: Any, tmp_path: Path, model: str
) -> None:
    words = ("--signer", r"signer(\d+)_", "--cache", finished.cache, "--models", model)
    assert cli("compare", finished.photos, *SMALL, *words, "--out", tmp_path / "run").code == 0
    tested = rows(tmp_path / "run" / "predictions.csv")
    # Through stored features here, through the whole network there; and as the run of both models had it.
    assert tested == [row for row in rows(finished.out / "predictions.csv") if row["model"] == model]
    photos = [finished.photos / row["path"] for row in tested]
    answers = cli("predict", tmp_path / "run", *photos, "--json").json
    assert [answer["top"][0][0] for answer in answers] == [row["predicted"] for row in tested]
    for row, answer in zip(tested, answers, strict=True):
        assert answer["probability"] == pytest.approx(float(row["probability"]), abs=1e-4)


@pytest.fixture
def refused(cli: Any, tmp_path: Path) -> Callable[..., str]:
    """Run `compare` where it must fail; return its one line and see that nothing was left behind."""

    def run(data: Path, *options: object, code: int = 1) -> str:
        out = tmp_path / "place" / "run"
        answer = cli("compare", data, *SMALL, "--cache", tmp_path / "cache", "--out", out, *options)
        assert answer.code == code and answer.out == ""
        assert not out.parent.exists()
        line: str = answer.err.splitlines()[-1]
        assert line.startswith("handshape compare: ") and line.count("; ") >= 2
        return line

    return run


@pytest.mark.parametrize(
    ("photos", "options", "text"),
    [
        ({"labels": "A"}, (), "only one label ('A')"),
        ({"labels": "AB", "signers": 1, "images": 1}, (), "expected images in train, valid and test"),
        ({}, ("--labels", "A,X"), "no label 'X' in the data"),
        ({}, ("--backbone", "resnet17"), "did you mean resnet"),
        (
            {"signers": 4},
            ("--folds", "source", "--source", r"(signer)\d"),
            "1 known source for --folds source",
        ),
    ],
)
def test_compare__is_refused_before_the_long_work(
    refused: Callable[..., str], make_photos: Callable[..., Path], photos: Any, options: Any, text: str
) -> None:
    assert text in refused(make_photos(**photos), *options)


def test_compare__no_internet(
    cli: Any, make_photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*args: object, **options: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    answer = cli("compare", make_photos(), "--cache", tmp_path / "cache", "--out", tmp_path / "place" / "run")
    assert (answer.code, answer.out) == (1, "")
    assert "the weights of 'alexnet' could not be downloaded (no route to host)" in answer.err
    assert not (tmp_path / "place").exists()


@pytest.mark.slow
def test_compare__force_replaces_an_earlier_run(cli: Any, finished: Any, tmp_path: Path) -> None:
    out = tmp_path / "place" / "run"
    words = (
        "compare",
        finished.photos,
        *SMALL,
        "--cache",
        finished.cache,
        "--models",
        "frozen",
        "--out",
        out,
    )
    assert cli(*words).code == 0
    (out / "old.txt").write_text("of the earlier run")
    assert cli(*words).code == 1
    assert cli(*words, "--force", "--seed", 1).code == 0
    assert not (out / "old.txt").exists()
    assert json.loads((out / "config.json").read_text(encoding="utf-8"))["settings"]["seed"] == 1
    assert [path.name for path in out.parent.iterdir()] == ["run"]


@pytest.fixture
def two_rooms(tmp_path: Path) -> Path:
    """Drawn hands of two signers before a plain backdrop, and of two others in rooms."""
    styles: tuple[Literal["studio", "room"], ...] = ("studio", "room")
    for seed, style in enumerate(styles):
        draw_dataset(tmp_path / "places" / style, "ABC", signers=2, images=3, size=96, style=style, seed=seed)
    for path in (tmp_path / "places" / "room").glob("*/*.jpg"):
        path.rename(path.with_name(path.name.replace("signer", "other")))
    return tmp_path / "places"


@pytest.mark.slow
def test_compare__leave_one_source_out(cli: Any, two_rooms: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ("--source", "folder", "--folds", "source", "--signer", r"((?:signer|other)\d)_")
    more: tuple[object, ...] = (
        "--backbone",
        "handnet",
        "--models",
        "frozen",
        "--device",
        "cpu",
        "--cache",
        tmp_path / "cache",
    )
    answer = cli("compare", two_rooms, *words, *more, "--out", run, "--json")
    assert answer.code == 0, answer.err
    check_contract(answer.json, ["frozen"])
    folded = answer.json["folds"]["frozen"]
    rooms = {name: figures["accuracy"] for name, figures in folded["metrics"]["sources"].items()}
    assert set(rooms) == {"room", "studio"} and folded["metrics"]["n"] == 36
    assert folded["worst"] == rooms[folded["worst_source"]] == min(rooms.values())
    assert folded["mean"] == pytest.approx(sum(rooms.values()) / 2)
    assert folded["signers_apart"] is True and folded["untested"] == 0
    sentence = answer.json["answer"]
    assert sentence.startswith("About ")
    assert folded["worst"] < 1 and f"worst source: {folded['worst_source']}, " in sentence
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "Drawn hands." in page and "these two sources" in page
    bundle = json.loads((run / "recogniser" / "config.json").read_text(encoding="utf-8"))
    assert bundle["figures"]["left_out"]["mean"] == folded["mean"]
    again = cli("compare", two_rooms, *words, *more, "--out", tmp_path / "again", "--json").json["folds"][
        "frozen"
    ]
    assert {**again, "seconds": 0} == {**folded, "seconds": 0}


@pytest.mark.slow
@pytest.mark.shared
def test_compare__webcam(cli: Any, shared_data: Path, shared_weights: Path, tmp_path: Path) -> None:
    words = ("--labels", "A-C", "--backbone", "squeezenet1_0", "--cache", tmp_path / "cache", "--json")
    answer = cli("compare", shared_data / "webcam", *words, "--out", tmp_path / "run")
    assert answer.code == 0, answer.err
    check_contract(answer.json, ["cnn", "frozen", "combined"])
    # Frames of a video are bursts, which the split keeps together. The accuracy of a split that does not is
    # given beside it.
    assert answer.json["split"] == {**answer.json["split"], "kind": "random", "grouped": True}
    assert answer.json["leaks"]["near_duplicates_across_splits"] < 0.02
    plain = answer.json["leaks"]["without_grouping"]
    assert plain["near_duplicates_across_splits"] > 0.4
    assert plain["models"]["frozen"]["test_accuracy"] >= 0.97
    assert answer.json["models"]["cnn"]["valid_accuracy"] >= 0.6
    assert answer.json["models"]["frozen"]["test_accuracy"] >= 0.95
    assert len([row for row in rows(tmp_path / "run" / "history.csv") if row["model"] == "cnn"]) == 7


@pytest.mark.slow
@pytest.mark.shared
def test_compare__studio_by_signer(cli: Any, shared_data: Path, shared_weights: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ("--labels", "A-C", "--signer", r"hand(\d+)_", "--backbone", "squeezenet1_0", "--json")
    answer = cli("compare", shared_data / "studio", *words, "--cache", tmp_path / "cache", "--out", run)
    assert answer.code == 0, answer.err
    check_contract(answer.json, ["cnn", "frozen", "combined"])
    assert answer.json["split"]["kind"] == "signer"
    models = answer.json["models"]
    assert models["frozen"]["test_accuracy"] > models["cnn"]["test_accuracy"]
    found = rows(run / "predictions.csv")
    bundle = json.loads((run / "recogniser" / "config.json").read_text(encoding="utf-8"))
    tested, trained = {row["signer"] for row in found}, set(bundle["trained_on"]["signers"])
    assert tested and trained and not tested & trained
    assert all(row["path"].split("/")[1].startswith(f"hand{row['signer']}_") for row in found)


@pytest.mark.slow
@pytest.mark.shared
def test_compare__studio_and_webcam_are_two_worlds(cli: Any, shared_data: Path, tmp_path: Path) -> None:
    root = tmp_path / "places"
    root.mkdir()
    for name in ("studio", "webcam"):
        (root / name).symlink_to(shared_data / name)
    words = ("--source", "folder", "--folds", "source", "--labels", "A-I", "--backbone", "handnet")
    places = ("--cache", tmp_path / "cache", "--out", tmp_path / "run")
    answer = cli("compare", root, *words, "--models", "frozen", *places, "--json")
    assert answer.code == 0, answer.err
    folded = answer.json["folds"]["frozen"]
    rooms = {name: figures["accuracy"] for name, figures in folded["metrics"]["sources"].items()}
    # Measured: 63.9 and 27.8 %, beside 95.0 % with photos of both in training; chance is 11 %.
    assert 0.5 < rooms["studio"] < 0.8 and 0.15 < rooms["webcam"] < 0.4
    assert answer.json["models"]["frozen"]["test_accuracy"] > 0.9
    assert "; worst source: webcam, " in answer.json["answer"] and folded["signers_apart"] is None

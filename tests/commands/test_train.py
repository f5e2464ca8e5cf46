import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import handshape
from handshape.config.train import BackboneConfig, CompareConfig, LoopOptions, TrainConfig
from handshape.errors import UsageError

SMALL = (
    "--backbone",
    "squeezenet1_1",
    "--weights",
    "untrained",
    "--device",
    "cpu",
    "--epochs",
    1,
    "--views",
    0,
    "--model",
    "frozen",
)


@pytest.fixture
def words(make_photos: Callable[..., Path], tmp_path: Path) -> tuple[object, ...]:
    """A command that trains on a few photos of four signers."""
    photos = make_photos("ABC", signers=4, images=2)
    return ("train", photos, "--signer", r"signer(\d)_", "--cache", tmp_path / "cache", *SMALL)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def config_of(run: Path) -> Any:
    return json.loads((run / "recogniser" / "config.json").read_text(encoding="utf-8"))


def without_seconds(metrics: dict[str, Any]) -> dict[str, Any]:
    models = {n: {k: v for k, v in m.items() if k != "seconds"} for n, m in metrics["models"].items()}
    return {**metrics, "models": models}


@pytest.mark.parametrize(
    "options",
    [
        ("--model", "cnn"),
        ("--model", "frozen"),
        ("--model", "frozen", "--head", "mlp"),
        ("--model", "frozen", "--pool", 0, "--views", 1),
        ("--model", "finetune", "--tuning-epochs", 1, "--tuning-rate", 1e-3),
        ("--model", "finetune", "--unfreeze", "last", "--tuning-epochs", 1, "--augment", "none"),
        ("--model", "landmarks"),
        ("--model", "combined"),
    ],
)
def test_train__predict_gives_the_probabilities_of_its_own_evaluation(
    cli: Any, words: tuple[object, ...], tmp_path: Path, options: tuple[object, ...]
) -> None:
    run = tmp_path / "run"
    assert cli(*words, *options, "--out", run).code == 0
    tested = rows(run / "predictions.csv")
    photos = [Path(str(words[1])) / row["path"] for row in tested]
    answers = cli("predict", run, *photos, "--json").json
    assert len(answers) == len(tested) > 0
    for row, answer in zip(tested, answers, strict=True):
        assert answer["top"][0][0] == row["predicted"]
        assert answer["probability"] == pytest.approx(float(row["probability"]), abs=1e-4)
    # The same from Python, one photo at a time.
    recogniser = handshape.load(run)
    for row, photo in zip(tested, photos, strict=True):
        assert recogniser.predict(photo).probability == pytest.approx(float(row["probability"]), abs=1e-4)


def test_train__run_directory_holds_what_the_contract_names(
    cli: Any, words: tuple[object, ...], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    answer = cli(*words, "--model", "cnn", "--out", run, "--json")
    assert answer.json == json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert {path.name for path in run.iterdir()} >= {
        "config.json",
        "history.csv",
        "metrics.json",
        "predictions.csv",
        "report.html",
        "plots",
        "recogniser",
    }
    assert {path.name for path in (run / "recogniser").iterdir()} == {
        "config.json",
        "model.safetensors",
        "README.md",
        "known_photos.bin",
    }
    kept = config_of(run)["trained_on"]
    known = (run / "recogniser" / "known_photos.bin").read_bytes()
    assert len(known) == 16 * (kept["train"] + kept["valid"])
    assert {path.suffix for path in (run / "plots").iterdir()} == {".svg"}
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    assert config["command"] == "train" and config["settings"]["model"] == "cnn"
    assert config["settings"]["seed"] == 0 and config["data_digest"] and config["versions"]["torch"]
    history = rows(run / "history.csv")
    assert [row["model"] for row in history] == ["cnn"]
    assert {"epoch", "loss", "train_accuracy", "valid_accuracy", "seconds"} <= set(history[0])


def test_train__best_valid_accuracy_is_the_best_epoch_s(
    cli: Any, words: tuple[object, ...], tmp_path: Path
) -> None:
    answer = cli(*words, "--model", "cnn", "--epochs", 3, "--out", tmp_path / "run", "--json")
    best = max(float(row["valid_accuracy"]) for row in rows(tmp_path / "run" / "history.csv"))
    assert answer.json["models"]["cnn"]["valid_accuracy"] == pytest.approx(best)


@pytest.mark.parametrize("model", ["cnn", "combined"])
def test_train__twice_gives_the_same_numbers(
    cli: Any, words: tuple[object, ...], tmp_path: Path, model: str
) -> None:
    def run(name: str, seed: int) -> Any:
        places = ("--cache", tmp_path / f"cache_dir-{name}", "--out", tmp_path / name)
        return cli(*words, "--model", model, "--seed", seed, *places, "--json").json

    first, again, _ = run("one", 0), run("two", 0), run("three", 5)
    assert without_seconds(first) == without_seconds(again)
    one, two, three = (rows(tmp_path / name / "predictions.csv") for name in ("one", "two", "three"))
    assert one == two != three


def test_train__what_the_recogniser_was_trained_on(
    cli: Any, words: tuple[object, ...], tmp_path: Path
) -> None:
    answer = cli(*words, "--model", "cnn", "--out", tmp_path / "run", "--json")
    config = handshape.load(tmp_path / "run").config
    split = answer.json["split"]
    assert config.labels == ("A", "B", "C")
    assert config.trained_on["split"] == "signer"
    assert {side: config.trained_on[side] for side in ("train", "valid", "test")} == {
        side: split[side] for side in ("train", "valid", "test")
    }
    tested = {row["signer"] for row in rows(tmp_path / "run" / "predictions.csv")}
    assert config.trained_on["signers"] and not tested & set(config.trained_on["signers"])
    assert config.figures["test_accuracy"] == answer.json["models"]["cnn"]["test_accuracy"]


def test_train__given_split(cli: Any, make_photos: Callable[..., Path], tmp_path: Path) -> None:
    root = tmp_path / "given"
    for side in ("train", "val", "test"):
        make_photos("AB", signers=1, images=2, name=f"given/{side}")
    words = ("--model", "cnn", "--cache", tmp_path / "cache", "--out", tmp_path / "run", "--json")
    split = cli("train", root, *SMALL, *words).json["split"]
    found = {key: split[key] for key in ("kind", "train", "valid", "test")}
    assert found == {"kind": "given", "train": 4, "valid": 4, "test": 4}


def test_train__a_side_without_images(cli: Any, make_photos: Callable[..., Path], tmp_path: Path) -> None:
    root = tmp_path / "given"
    for side in ("valid", "test"):
        make_photos("AB", signers=1, images=2, name=f"given/{side}")
    answer = cli("train", root, *SMALL, "--cache", tmp_path / "cache", "--out", tmp_path / "run")
    assert answer.code == 1
    last = answer.err.splitlines()[-1]
    assert last.startswith("handshape train: no image for train in a given split")
    assert last.endswith("add photos, change the fractions, or choose another --split")
    assert not (tmp_path / "run").exists()


def test_train__fewer_signers_than_sides(cli: Any, make_photos: Callable[..., Path], tmp_path: Path) -> None:
    photos = make_photos("AB", signers=2, images=2)
    words = ("--split", "signer", "--signer", r"signer(\d)", "--cache", tmp_path / "cache")
    answer = cli("train", photos, *SMALL, *words, "--out", tmp_path / "run")
    assert answer.code == 1
    assert "2 known signers" in answer.err


@pytest.mark.parametrize(
    "options, text",
    [
        (("--epochs", 0), "--epochs 0"),
        (("--batch-size", -4), "--batch-size -4"),
        (("--learning-rate", 0), "--learning-rate 0.0"),
        (("--weight-decay", -1), "--weight-decay -1.0"),
        (("--pool", -1), "--pool -1"),
        (("--views", 101), "--views 101"),
        (("--views", -1), "--views -1"),
        (
            ("--views", 1, "--augment", "none"),
            "--views 1 with --augment none",
        ),
    ],
)
def test_train__numbers_out_of_range_are_wrong_usage_before_anything_is_read(
    cli: Any, tmp_path: Path, options: tuple[object, ...], text: str
) -> None:
    # The folder is not there: an option is looked at first.
    answer = cli("train", tmp_path / "nothing", *options)
    assert answer.code == 2 and answer.err.startswith(f"handshape train: {text}; ")


def test_train__fractions_that_leave_nothing_to_train_on(
    cli: Any, words: tuple[object, ...], tmp_path: Path
) -> None:
    answer = cli(*words, "--valid-fraction", 0.5, "--test-fraction", 0.5, "--out", tmp_path / "run")
    assert answer.code == 2
    assert "fractions of 0.5 for valid and 0.5 for test" in answer.err


def test_configs__the_lesson_s_defaults() -> None:
    config = TrainConfig(data=Path("photos"))
    assert (config.epochs, config.batch_size, config.learning_rate) == (7, 32, 1e-3)
    assert config.backbone == "alexnet" and config.seed == 0
    assert CompareConfig(data=Path("photos")).model_names == ("cnn", "frozen", "combined")
    assert config.views == 1 and TrainConfig(data=Path("photos"), augment="none").views == 0


@pytest.mark.parametrize("make", [BackboneConfig, LoopOptions])
def test_configs__are_frozen(make: Any) -> None:
    with pytest.raises(AttributeError):
        make().epochs = 3


@pytest.mark.parametrize("models", ["", ",", "cnn,resnet", "mlp"])
def test_compare_config__refuses_unknown_models(models: str) -> None:
    with pytest.raises(
        UsageError,
        match=rf"--models '{models}'",
    ):
        CompareConfig(data=Path("photos"), models=models)


def test_compare_config__takes_each_model_once_in_the_order_given() -> None:
    assert CompareConfig(data=Path("p"), models=" frozen, cnn,frozen").model_names == ("frozen", "cnn")


def test_train__a_sheet_shows_the_views_that_were_used(
    cli: Any, words: tuple[object, ...], tmp_path: Path
) -> None:
    for options, shown in (
        (("--augment", "none"), False),
        (("--views", 1, "--augment", "strong"), True),
    ):
        run = tmp_path / f"run-{shown}"
        assert cli(*words, "--model", "frozen", *options, "--out", run).code == 0
        assert (run / "plots" / "views.png").is_file() == shown
        page = (run / "report.html").read_text(encoding="utf-8")
        assert ("five augmented views of it" in page) == shown

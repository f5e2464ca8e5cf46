import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import handshape
from handshape.config.train import CompareConfig, TrainConfig
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
    # Commands and the check without the hand name other folders and other seconds.
    return {k: v for k, v in metrics.items() if k not in ("next", "without_hand")} | {"models": models}


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ("--model", "cnn"),
        ("--model", "frozen"),
        ("--model", "frozen", "--head", "mlp"),
        ("--model", "frozen", "--pool", 0, "--views", 1),
        ("--model", "finetune", "--tuning-epochs", 1, "--tuning-rate", 1e-3),
        ("--model", "finetune", "--unfreeze", "last", "--tuning-epochs", 1, "--views", 0),
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
        "image.onnx",
        "head.onnx",
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


@pytest.mark.slow
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


def test_train__given_split(cli: Any, make_photos: Callable[..., Path], tmp_path: Path) -> None:
    root = tmp_path / "given"
    for side in ("train", "val", "test"):
        make_photos("AB", signers=1, images=2, name=f"given/{side}")
    words = ("--model", "cnn", "--cache", tmp_path / "cache", "--out", tmp_path / "run", "--json")
    split = cli("train", root, *SMALL, *words).json["split"]
    found = {key: split[key] for key in ("kind", "train", "valid", "test")}
    assert found == {"kind": "given", "train": 4, "valid": 4, "test": 4}


@pytest.mark.parametrize(
    ("options", "text"), [(("--epochs", 0), "--epochs 0"), (("--views", 0, "--mirror"), "--views 0")]
)
def test_train__wrong_usage_before_anything_is_read(
    cli: Any, tmp_path: Path, options: tuple[object, ...], text: str
) -> None:
    answer = cli("train", tmp_path / "nothing", *options)
    assert answer.code == 2 and answer.err.startswith(f"handshape train: {text}")


def test_configs__the_lesson_s_defaults() -> None:
    config = TrainConfig(data=Path("photos"))
    assert (config.epochs, config.batch_size, config.learning_rate) == (7, 32, 1e-3)
    assert config.backbone == "alexnet" and config.seed == 0
    assert CompareConfig(data=Path("photos")).model_names == ("cnn", "frozen", "combined")
    assert config.views == 1


@pytest.mark.parametrize("models", ["", ",", "cnn,resnet", "mlp"])
def test_compare_config__refuses_unknown_models(models: str) -> None:
    with pytest.raises(
        UsageError,
        match=rf"--models '{models}'",
    ):
        CompareConfig(data=Path("photos"), models=models)


def test_compare_config__takes_each_model_once_in_the_order_given() -> None:
    assert CompareConfig(data=Path("p"), models=" frozen, cnn,frozen").model_names == ("frozen", "cnn")

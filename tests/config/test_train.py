import dataclasses
import inspect
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from handshape.config.models import MODELS
from handshape.config.train import CompareConfig, TrainConfig
from handshape.errors import UsageError

# Where photos come from and where a run goes is not for an estimator to say, and folds and splits are made
# around it.
NOT_OF_THE_ESTIMATOR = {
    "data", "labels", "signer", "source", "split", "test_fraction", "strict", "folds", "out", "force",
    "engine", "address", "track", "label_from", "layout", "no_follow_links", "exclude",
}  # fmt: skip


def defaults(config: type) -> dict[str, Any]:
    made: Any = config(data=Path("photos"))
    return {field.name: field.default for field in dataclasses.fields(made)}


def test_train_config__one_default_for_the_command_line_python_and_the_estimator() -> None:
    import typer

    from handshape import SignClassifier
    from handshape.cli import app

    expected = defaults(TrainConfig)
    estimator = {
        name: one.default for name, one in inspect.signature(SignClassifier.__init__).parameters.items()
    }
    estimator.pop("self")
    assert set(estimator) == set(expected) - NOT_OF_THE_ESTIMATOR
    assert estimator == {name: expected[name] for name in estimator}
    command: Any = typer.main.get_command(app)
    shown = {option.name: option.default for option in command.commands["train"].params}
    known = {name: value for name, value in expected.items() if name != "data"}
    assert {name: shown[name] for name in known} == known
    assert get_type_hints(TrainConfig)["model"]  # `handshape.train` passes its settings to this very class


def test_compare_config__shares_the_defaults_of_train() -> None:
    train, compare = defaults(TrainConfig), defaults(CompareConfig)
    both = set(train) & set(compare)
    assert {name: train[name] for name in both} == {name: compare[name] for name in both}
    assert CompareConfig(data=Path("photos")).model_names == ("cnn", "frozen", "combined")
    assert TrainConfig(data=Path("photos")).model == "combined"


def test_train_config__any_model() -> None:
    for model in MODELS:
        assert TrainConfig(data=Path("photos"), model=model).model == model
    with pytest.raises(UsageError, match="--model 'best'"):
        TrainConfig(data=Path("photos"), model="best")  # type: ignore[arg-type]


def test_train_config__a_cluster_fine_tunes() -> None:
    assert TrainConfig(data=Path("photos"), engine="ray", model="finetune").engine == "ray"
    with pytest.raises(UsageError, match="--engine ray with --model combined"):
        TrainConfig(data=Path("photos"), engine="ray")

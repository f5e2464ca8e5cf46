import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handshape.cli import COMMANDS
from handshape.config.draw import DrawConfig
from handshape.config.fields import Settings
from handshape.config.train import CompareConfig, TrainConfig
from handshape.config.use import EvaluateConfig, InspectConfig, PredictConfig
from handshape.errors import UsageError


def test_settings__are_the_base_of_every_command() -> None:
    assert [name for name, settings in COMMANDS.items() if not issubclass(settings, Settings)] == []


def test_settings__text_becomes_a_path() -> None:
    config = TrainConfig(data="photos", out="run", cache="cache")  # type: ignore[arg-type]
    assert (config.data, config.out, config.cache) == (Path("photos"), Path("run"), Path("cache"))
    assert TrainConfig(data=Path("photos")).out is None


def test_settings__a_path_becomes_text_where_text_is_wanted() -> None:
    config = TrainConfig(data=Path("photos"), weights=Path("alexnet.pth"))  # type: ignore[arg-type]
    assert config.weights == "alexnet.pth"


def test_settings__one_path_or_many() -> None:
    one = PredictConfig(bundle="run", images="a.png")  # type: ignore[arg-type]
    many = PredictConfig(bundle="run", images=("a.png", Path("b.png")))  # type: ignore[arg-type]
    assert one.images == [Path("a.png")] and many.images == [Path("a.png"), Path("b.png")]


def test_settings__numbers_of_other_kinds() -> None:
    config = TrainConfig(data=Path("p"), seed=np.int64(3), learning_rate=1)  # type: ignore[arg-type]
    assert type(config.seed) is int and type(config.learning_rate) is float


@pytest.mark.parametrize(
    "settings, values, text",
    [
        (TrainConfig, {"model": "rnn"}, "--model 'rnn'; expected one of cnn, frozen"),
        (TrainConfig, {"device": "tpu"}, "--device 'tpu'; expected one of auto, cpu, cuda, mps; choose one"),
        (TrainConfig, {"head": ["mlp"]}, "--head ['mlp']; expected one of lda, linear, mlp"),
        (CompareConfig, {"folds": "all"}, "--folds 'all'; expected one of none, signers, source; choose one"),
        (
            InspectConfig,
            {"split": "by hand"},
            "--split 'by hand'; expected one of auto, given, signer, random",
        ),
        (InspectConfig, {"strict": 1}, "--strict 1; expected True or False; change it"),
        (InspectConfig, {"seed": 1.5}, "--seed 1.5; expected a whole number; change it"),
        (InspectConfig, {"seed": -1}, "--seed -1; expected 0 or more; change it"),
        (InspectConfig, {"out": 3}, "--out 3; expected a path; change it"),
        (InspectConfig, {"signer": 3}, "--signer 3; expected text; change it"),
        (InspectConfig, {"data": None}, "DATA None; expected a path; change it"),
        (TrainConfig, {"epochs": True}, "--epochs True; expected a whole number; change it"),
        (TrainConfig, {"batch_size": "32"}, "--batch-size '32'; expected a whole number; change it"),
        (TrainConfig, {"epochs": 0}, "--epochs 0; expected a positive number; change it"),
        (TrainConfig, {"tuning_rate": -1.0}, "--tuning-rate -1.0; expected a positive number; change it"),
        (TrainConfig, {"learning_rate": float("nan")}, "--learning-rate nan; expected a positive number"),
        (TrainConfig, {"weight_decay": -0.1}, "--weight-decay -0.1; expected 0 or more; change it"),
        (TrainConfig, {"views": 101}, "--views 101; expected a number from 0 to 100; change it"),
        (TrainConfig, {"learning_rate": "fast"}, "--learning-rate 'fast'; expected a number; change it"),
        (PredictConfig, {"bundle": "b", "images": [1]}, "IMAGES 1; expected a path; change it"),
        (PredictConfig, {"bundle": "b", "images": 1}, "IMAGES 1; expected several; give a list"),
        (EvaluateConfig, {"bundle": 1}, "BUNDLE 1; expected a path; change it"),
        (
            DrawConfig,
            {"out": "o", "style": "beach"},
            "--style 'beach'; expected one of studio, room, outdoor",
        ),
    ],
)
def test_settings__refuse_other_values(settings: type, values: dict[str, Any], text: str) -> None:
    given = values if "images" in values or settings is DrawConfig else {"data": Path("photos"), **values}
    with pytest.raises(UsageError, match=re.escape(text)):
        settings(**given)

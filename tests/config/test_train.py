from typing import Any

import pytest

from handshape.config.train import CompareConfig, TrainConfig
from handshape.errors import UsageError


def test_train_config__the_best_recipe_is_one_of_the_frozen_model() -> None:
    assert TrainConfig(data="photos", recipe="best").model == "frozen"  # type: ignore[arg-type]
    text = "--recipe best with the model cnn; expected the model frozen, beside which hands are read; add it"
    with pytest.raises(UsageError, match=text):
        TrainConfig(data="photos", recipe="best", model="cnn")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="--recipe best with the model cnn and finetune"):
        CompareConfig(data="photos", recipe="best", models="cnn,finetune")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="--models ''"):
        CompareConfig(data="photos", models="", recipe="best")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "recipe"),
    [
        ({}, "best"),
        ({"recipe": "fast"}, "fast"),
        ({"model": "cnn"}, "fast"),
        ({"model": "finetune"}, "fast"),
        ({"backbone": "landmarks"}, "fast"),
    ],
)
def test_train_config__hands_are_read_where_they_can_be(settings: dict[str, Any], recipe: str) -> None:
    assert TrainConfig(data="photos", **settings).recipe == recipe  # type: ignore[arg-type]


def test_compare_config__networks_as_they_are() -> None:
    assert CompareConfig(data="photos").recipe == "fast"  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="--recipe 'good'; expected one of fast, best; choose one"):
        CompareConfig(data="photos", recipe="good")  # type: ignore[arg-type]


def test_train_config__landmarks_are_read_and_not_tuned() -> None:
    assert TrainConfig(data="photos", backbone="landmarks").model == "frozen"  # type: ignore[arg-type]
    text = (
        "the model finetune with --backbone landmarks; expected a network of images; choose another backbone"
    )
    with pytest.raises(UsageError, match=text):
        TrainConfig(data="photos", backbone="landmarks", model="finetune")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="--recipe best with --backbone landmarks"):
        CompareConfig(data="photos", backbone="landmarks", recipe="best")  # type: ignore[arg-type]
    text = (
        "--precision fp16 with --backbone landmarks; expected fp32: places are not exact enough in anything"
    )
    with pytest.raises(UsageError, match=text):
        TrainConfig(data="photos", backbone="landmarks", precision="fp16")  # type: ignore[arg-type]


def test_train_config__a_cluster_tunes() -> None:
    assert TrainConfig(data="photos", engine="ray", model="finetune").engine == "ray"  # type: ignore[arg-type]
    with pytest.raises(
        UsageError, match="--engine ray with --model frozen; expected --model finetune; leave"
    ):
        TrainConfig(data="photos", engine="ray")  # type: ignore[arg-type]

import pytest

from handshape.config.train import CompareConfig, TrainConfig
from handshape.errors import UsageError


def test_train_config__the_best_recipe_chooses_its_model() -> None:
    assert TrainConfig(data="photos").model == "frozen"  # type: ignore[arg-type]
    assert TrainConfig(data="photos", recipe="best").model == "finetune"  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="--recipe best with --model cnn; expected one of them"):
        TrainConfig(data="photos", recipe="best", model="cnn")  # type: ignore[arg-type]


def test_compare_config__the_best_recipe_is_among_the_models_once() -> None:
    assert CompareConfig(data="photos", recipe="best").model_names == ("cnn", "frozen", "finetune")  # type: ignore[arg-type]
    both = CompareConfig(data="photos", models="finetune,frozen", recipe="best")  # type: ignore[arg-type]
    assert both.model_names == ("finetune", "frozen")
    with pytest.raises(UsageError, match="--models ''"):
        CompareConfig(data="photos", models="", recipe="best")  # type: ignore[arg-type]


def test_train_config__a_cluster_tunes() -> None:
    assert TrainConfig(data="photos", engine="ray", recipe="best").engine == "ray"  # type: ignore[arg-type]
    with pytest.raises(
        UsageError, match="--engine ray with --model frozen; expected --model finetune; leave"
    ):
        TrainConfig(data="photos", engine="ray")  # type: ignore[arg-type]

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from handshape.config.train import FoldKind, TrainConfig
from handshape.data.data_report import make_data_report
from handshape.data.images.index import ImageIndex, index_images
from handshape.data.io.folder import read_folder
from handshape.errors import SplitError
from handshape.evaluation.experiment import Experiment, choose_model, run_experiment
from handshape.models.backbones.registry import load_backbone
from handshape.training.fit import Fitter

CPU = torch.device("cpu")


def experiment(
    root: Path, cache_dir: Path, *, signer: str | None, names: Any, folds: FoldKind, source: str | None = None
) -> Experiment:
    indexed: ImageIndex = index_images(read_folder(root, signer=signer, source=source), cache_dir)
    data_report = make_data_report(indexed, kind="auto", valid_fraction=0.25, test_fraction=0.25, seed=0)
    backbone = load_backbone("squeezenet1_1", "untrained")
    fitter = Fitter(indexed, cache_dir, CPU, TrainConfig(data=root, epochs=1), backbone)
    return run_experiment(data_report, fitter, names, folds=folds, fractions=(0.25, 0.25), seed=0)


@pytest.fixture
def by_signer(make_photos: Any, tmp_path: Path) -> Experiment:
    root = make_photos("ABC", signers=4, images=2)
    return experiment(
        root, tmp_path / "cache", signer=r"signer(\d)_", names=("cnn", "frozen"), folds="signers"
    )


def test_run_experiment__by_signer_with_folds(by_signer: Experiment) -> None:
    metrics = by_signer.to_dict()
    assert metrics["split"]["kind"] == "signer"
    assert set(metrics["models"]) == {"cnn", "frozen"} == set(metrics["folds"])
    assert metrics["best"] in metrics["models"]
    for name, folded in metrics["folds"].items():
        accuracies = [one["accuracy"] for one in folded["metrics"]["signers"].values()]
        assert len(accuracies) == 4
        assert folded["mean"] == pytest.approx(np.mean(accuracies))
        assert folded["worst"] == min(accuracies)
        assert folded["interval"]["low"] <= folded["mean"] <= folded["interval"]["high"]
        assert 0 <= metrics["models"][name]["no_hand_refused"] <= 1
    first, last = (metrics["models"][name]["test_accuracy"] for name in ("cnn", "frozen"))
    assert metrics["paired"]["difference"] == pytest.approx(last - first)


def result(name: str, correct: int, loss: float = 0.1) -> Any:
    """A model that classifies so many of 200 validation photos correctly."""
    right = np.arange(200) < correct
    fitted = SimpleNamespace(name=name, valid_accuracy=correct / 200)
    return SimpleNamespace(fitted=fitted, valid_correct=right, valid_loss=loss)


@pytest.mark.parametrize(
    ("results", "chosen", "reason"),
    [
        ([result("cnn", 100)], "cnn", "only model"),
        ([result("cnn", 100), result("frozen", 150)], "frozen", "best accuracy"),
        ([result("cnn", 150, loss=0.3), result("frozen", 150, loss=0.2)], "frozen", "best accuracy"),
        ([result("frozen", 180), result("combined", 190)], "combined", "best accuracy"),
        # One photo more is chance; many more are not.
        ([result("frozen", 191), result("combined", 190)], "combined", "by more than chance"),
        ([result("frozen", 199), result("combined", 150)], "frozen", "higher than that of combined"),
    ],
)
def test_choose_model__combined_unless_another_is_clearly_better(
    results: list[Any], chosen: str, reason: str
) -> None:
    choice = choose_model(results, [None] * 200, np.arange(200))
    assert choice.result.fitted.name == chosen and reason in choice.reason


def test_run_experiment__bursts_show_both_figures(make_photos: Any, tmp_path: Path) -> None:
    root: Path = make_photos("AB", signers=3, images=2)
    for path in sorted(root.glob("*/*.png")):
        for copy in range(3):
            path.with_name(f"{path.stem}-{copy}.png").write_bytes(path.read_bytes())
    metrics = experiment(root, tmp_path / "cache", signer=None, names=("frozen",), folds="none").to_dict()
    leaks = metrics["leaks"]
    assert metrics["split"]["grouped"]
    assert leaks["near_duplicates_across_splits"] == 0
    assert leaks["without_grouping"]["near_duplicates_across_splits"] > 0.5
    plain = leaks["without_grouping"]["models"]["frozen"]
    assert plain["test_accuracy"] > metrics["models"]["frozen"]["test_accuracy"] - 0.5
    assert set(plain) == {"valid_accuracy", "test_accuracy"}


@pytest.mark.parametrize(
    ("folds", "message"),
    [("signers", "2 known signers for --folds signers"), ("source", "0 known sources for --folds source")],
)
def test_run_experiment__too_few_for_folds(
    make_photos: Any, tmp_path: Path, folds: Any, message: str
) -> None:
    root = make_photos("AB", signers=2, images=4)
    with pytest.raises(SplitError, match=message):
        experiment(root, tmp_path / "cache", signer=r"signer(\d)_", names=("frozen",), folds=folds)

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Perceptron, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.conftest import Finished
from torch import nn

import handshape
from handshape.errors import BackboneError, BundleError, ShapeError, UsageError
from handshape.network_bundle import network_of
from handshape.training.heads.sklearn_head import check_classifier
from handshape.training.own_parts import own_backbone

SIGNER = r"signer(\d+)_"


class Edges(nn.Module):
    """A backbone of two convolutions."""

    def __init__(self, stride: int = 4) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 5, stride), nn.ReLU(), nn.Conv2d(8, 16, 3, 2), nn.ReLU())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.layers(images)
        return found


def read(finished: Finished) -> handshape.Dataset:
    return handshape.read_folder(finished.photos, signer=SIGNER)


def test_check_classifier__what_can_be_saved() -> None:
    for one in (
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        RandomForestClassifier(5),
        LinearDiscriminantAnalysis(),
    ):
        check_classifier(one, 3)


@pytest.mark.parametrize(
    "classifier, text",
    [
        (Ridge(), "head=Ridge: it is no classifier"),
        (Perceptron(), "head=Perceptron: it has no predict_proba"),
        (KNeighborsClassifier(2), "head=KNeighborsClassifier: its graph has a Scan"),
        (HistGradientBoostingClassifier(max_iter=2), "it has no converter to ONNX"),
        (LogisticRegression(C=-1), "it cannot be fitted"),
    ],
)
def test_train__a_head_that_cannot_be_saved_is_refused_before_training(
    finished: Finished, tmp_path: Path, classifier: Any, text: str
) -> None:
    with pytest.raises(UsageError, match=text):
        handshape.train(
            read(finished), head=classifier, model="frozen", backbone="nothing", out=tmp_path / "run"
        )
    assert not (tmp_path / "run").exists()


def test_train__own_parts_fit_some_models_only(finished: Finished) -> None:
    with pytest.raises(UsageError, match=r"head=LogisticRegression with model='combined'.*model frozen"):
        handshape.train(read(finished), head=LogisticRegression())
    with pytest.raises(UsageError, match="a backbone of your own with model='finetune'"):
        handshape.train(read(finished), backbone=Edges(), model="finetune")
    with pytest.raises(UsageError, match="augment= with model='cnn'"):
        handshape.train(read(finished), augment=lambda image, rng: image, model="cnn")
    with pytest.raises(UsageError, match="preprocessing= with a backbone that is a name"):
        handshape.train(read(finished), preprocessing=handshape.Preprocessing(64))


def test_train__a_classifier_of_scikit_learn(finished: Finished, tmp_path: Path) -> None:
    head = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    result = handshape.train(
        read(finished), model="frozen", head=head, backbone="handnet", views=0, pool=2, device="cpu",
        cache=finished.cache, out=tmp_path / "run",
    )  # fmt: skip
    assert "LogisticRegression" in (tmp_path / "run" / "config.json").read_text(encoding="utf-8")
    recogniser = handshape.load(tmp_path / "run")
    photos = [sample.path for sample in result.evaluation.tested]
    assert np.allclose(recogniser.predict_proba(photos), result.evaluation.probabilities, atol=1e-4)
    features = torch.from_numpy(recogniser.features(photos))
    logits = network_of(recogniser).from_features(features, torch.zeros(0), torch.zeros(0))
    calibrated = (logits / recogniser.config.temperature).softmax(dim=1)
    assert np.allclose(calibrated, recogniser.predict_proba(photos), atol=1e-4)
    report = handshape.evaluate(
        recogniser, finished.photos, include_known=True, cache=finished.cache, out=tmp_path / "evaluation"
    )
    assert report.report_path is not None and report.report_path.is_file()


@pytest.mark.slow
def test_train__a_backbone_and_an_augmentation_of_ones_own(finished: Finished, tmp_path: Path) -> None:
    seen: list[tuple[int, ...]] = []

    def darker(image: Any, rng: np.random.Generator) -> Any:
        seen.append(image.shape)
        return (image * rng.uniform(0.5, 1)).astype(np.uint8)

    preprocessing = handshape.Preprocessing(64, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    common: dict[str, Any] = {"model": "frozen", "cache": finished.cache, "device": "cpu"}
    result = handshape.train(
        read(finished), backbone=Edges(), preprocessing=preprocessing, augment=darker, views=2,
        out=tmp_path / "run", **common,
    )  # fmt: skip
    trained = sum(sample.split == "train" for sample in result.dataset)
    assert seen == [(64, 64, 3)] * 2 * trained
    recogniser = handshape.load(tmp_path / "run")
    photos = [sample.path for sample in result.evaluation.tested]
    assert np.allclose(recogniser.predict_proba(photos), result.evaluation.probabilities, atol=1e-4)
    assert recogniser.config.network.backbone is not None
    assert recogniser.config.network.backbone.startswith("own-Edges-")
    with pytest.raises(BundleError, match="is a module of the program that trained it"):
        network_of(recogniser)
    with pytest.raises(ShapeError, match=r"augment gives \(1, 1, 3\)"):
        handshape.train(
            read(finished), backbone=Edges(), preprocessing=preprocessing, out=tmp_path / "other",
            augment=lambda image, rng: image[:1, :1], **common,
        )  # fmt: skip


def test_own_backbone__refuses_what_gives_no_feature_maps() -> None:
    with pytest.raises(ShapeError, match=r"Sequential gives \(2, 3\); expected \(2, C, h, w\)"):
        own_backbone(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    with pytest.raises(BackboneError, match="Conv2d cannot run on images of 224 pixels"):
        own_backbone(nn.Conv2d(4, 1, 1))
    assert own_backbone(Edges()).name != own_backbone(Edges(8)).name


def test_extract_features__of_ones_own_backbone(finished: Finished, tmp_path: Path) -> None:
    preprocessing = handshape.Preprocessing(64)
    features = handshape.extract_features(
        read(finished)[:2], backbone=Edges(), preprocessing=preprocessing, views=0, pool=0, cache=tmp_path
    )
    images = torch.stack([read(finished).as_torch(size=64)[i][0] for i in range(2)])
    with torch.inference_mode():
        expected = Edges()(images).numpy()
    assert np.allclose(features.array, expected, atol=2e-3)

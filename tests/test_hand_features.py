from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline

import handshape
from handshape import HandFeatures
from handshape.errors import ShapeError, UsageError
from handshape.features import extract


@pytest.fixture
def extracted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Digests of the images that went through a backbone."""
    digests: list[str] = []
    real = extract._extract

    def counting(extractor: Any, images: Any, names: Any, missing: Any, *rest: Any) -> None:
        digests.extend(names[i] for i in missing)
        real(extractor, images, names, missing, *rest)

    monkeypatch.setattr(extract, "_extract", counting)
    return digests


def test_transform__kinds_and_images_alike(make_photos: Callable[..., Path], tmp_path: Path) -> None:
    paths = sorted(make_photos("AB", signers=2, images=1).glob("*/*.png"))
    arrays = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
    common: dict[str, Any] = {"backbone": "handnet", "cache": tmp_path, "device": "cpu"}
    for kind, width in (("image", 192 * 16), ("landmarks", 63), ("embedding", 25)):
        transformer = HandFeatures(kind, **common).fit()
        rows = transformer.transform(paths)
        assert rows.shape == (4, width) == (4, transformer.n_features_out_) and rows.dtype == np.float32
        assert np.allclose(rows, transformer.transform(arrays), atol=1e-3)
        assert transformer.get_feature_names_out()[1] == f"{kind}1"
    assert clone(transformer).get_params() == transformer.get_params()
    with pytest.raises(UsageError, match="kind 'hands'; expected one of image, landmarks, embedding"):
        HandFeatures("hands").fit()
    with pytest.raises(ShapeError, match=r"images of shape \(2, 3\)"):
        transformer.transform(np.zeros((2, 3)))


def test_pipeline__extracts_every_image_once(
    make_photos: Callable[..., Path], tmp_path: Path, extracted: list[str]
) -> None:
    frame = handshape.read_folder(make_photos("AB", signers=3, images=2), signer=r"(signer\d)_").to_frame()
    pipeline = make_pipeline(HandFeatures(backbone="handnet", cache=tmp_path), LogisticRegression())
    X, y = frame["path"].tolist(), frame["label"]
    scores = cross_val_score(pipeline, X, y, groups=frame["signer"], cv=GroupKFold(3))
    assert scores.mean() > 0.6 and sorted(extracted) == sorted(set(extracted)) and len(extracted) == 12


@pytest.mark.slow
@pytest.mark.shared
def test_pipeline__of_the_studio_extracts_each_photo_once(
    shared_data: Path, shared_weights: Path, tmp_path: Path, extracted: list[str]
) -> None:
    frame = handshape.read_folder(shared_data / "studio", signer=r"hand(\d+)_").to_frame()
    features = HandFeatures(backbone="squeezenet1_0", cache=tmp_path)
    pipeline = make_pipeline(features, LogisticRegression(C=0.01, max_iter=200))
    X, y = frame["path"].tolist(), frame["label"]
    predicted = cross_val_predict(pipeline, X, y, groups=frame["signer"], cv=GroupKFold(4))
    accuracy = (predicted == y).mean()
    print(f"{len(frame)} photos, {frame['label'].nunique()} labels, accuracy {accuracy:.3f}")
    assert len(extracted) == len(set(extracted)) <= len(frame) and accuracy > 0.5

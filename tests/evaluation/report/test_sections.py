from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handshape.data.checks.near_duplicates import Leaks
from handshape.data.data_report import make_data_report
from handshape.data.images.decode import Preprocessing
from handshape.data.images.index import index_images
from handshape.data.io.folder import read_folder
from handshape.evaluation.metrics import Metrics, compute_metrics
from handshape.evaluation.report.page import environment
from handshape.evaluation.report.sections import (
    find_mistakes,
    find_near_copies,
    split_table,
    weakest_labels,
)
from handshape.models.backbones.registry import load_backbone
from handshape.models.hand.landmark_classifier import LandmarkClassifier
from handshape.models.hand.pose_classifier import PoseClassifier
from handshape.models.heads import Head, Pool
from handshape.models.network_config import HeadConfig
from handshape.models.sign_network import BackboneClassifier, SignNetwork
from handshape.synthetic.dataset import draw_dataset


def measured(classes: list[int], read: list[int], labels: str) -> Metrics:
    probabilities = np.eye(len(labels))[read]
    return compute_metrics(np.array(classes, dtype=np.int64), probabilities, tuple(labels))


def test_weakest_first__labels_without_photos_come_last() -> None:
    assert list(weakest_labels(measured([0, 0, 2, 2], [0, 2, 2, 2], "ABC"))) == ["A", "C", "B"]


def test_find_sides__count_photos_labels_signers_and_bursts(make_photos: Any, tmp_path: Path) -> None:
    indexed = index_images(
        read_folder(make_photos("AB", signers=4, images=2), signer=r"signer(\d)_"), tmp_path, size=32
    )
    data_report = make_data_report(indexed, kind="signer", valid_fraction=0.25, test_fraction=0.25, seed=0)
    sides = split_table(data_report)
    assert [side.name for side in sides] == ["training", "validation", "test"]
    assert [side.photos for side in sides] == list(data_report.split.counts().values())
    assert sum(side.share for side in sides) == pytest.approx(1)
    assert sorted(signer for side in sides for signer in side.signers) == ["1", "2", "3", "4"]
    assert all(side.labels == 2 for side in sides)
    assert all(side.sources == () for side in sides)
    assert all(0 <= side.bursts <= side.photos / 2 for side in sides)


def test_find_twins__the_closest_with_their_names(make_photos: Any, tmp_path: Path) -> None:
    indexed = index_images(read_folder(make_photos("AB", signers=2, images=2)), tmp_path, size=32)
    copies = find_near_copies(indexed, Leaks(2, 2, ((0, 1, 0.01), (5, 4, 0.02))), most=1)
    names = [sample.name for sample in indexed.dataset.samples]
    assert [(one.names, one.label, one.distance) for one in copies] == [((names[0], names[1]), "A", 0.01)]
    assert copies[0].tested.startswith("data:image/jpeg;base64,") and copies[0].tested != copies[0].trained


def by_landmarks() -> SignNetwork:
    return LandmarkClassifier(PoseClassifier(2)).eval()


def by_image() -> SignNetwork:
    backbone = load_backbone("handnet")
    channels, *places = backbone.feature_shape
    head = Head(channels, 2, HeadConfig("linear", 1))
    return BackboneClassifier(backbone, Pool(1, *places), head).eval()


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [(by_landmarks, "landmarks", "no hand was detected"), (by_image, "places", "the background")],
)
def test_find_mistakes__with_what_the_network_used(make: Any, kind: str, says: str, tmp_path: Path) -> None:
    draw_dataset(tmp_path / "drawn", "BL", signers=1, images=1, size=96)
    indexed = index_images(read_folder(tmp_path / "drawn"), tmp_path / "cache")
    wrong = np.array([[0.1, 0.9], [0.8, 0.2]], dtype=np.float32)
    found = find_mistakes(indexed, make(), Preprocessing(224), indexed.dataset, wrong, np.arange(2))
    assert [(one.label, one.predicted, one.kind) for one in found] == [("B", "L", kind), ("L", "B", kind)]
    assert all(one.explanation != one.picture for one in found)
    macros = environment().get_template("report_macros.html").module
    assert says in str(macros.worst(found, "model"))  # type: ignore[attr-defined]

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from handshape.bundle import HAND, BundleConfig
from handshape.export.onnx import whole_graph
from handshape.inference.engine import Graph
from handshape.models.backbones.registry import load_backbone
from handshape.models.combined import CombinedClassifier, InDistribution
from handshape.models.hand.hand_finder import HandFinder
from handshape.models.hand.landmark_classifier import LandmarkClassifier
from handshape.models.hand.pose_classifier import PoseClassifier
from handshape.models.heads import Head, Pool
from handshape.models.network_config import HeadConfig, NetworkConfig
from handshape.models.sign_network import BackboneClassifier, SignNetwork
from handshape.network_bundle import recogniser_of
from handshape.recogniser import Recogniser
from handshape.synthetic.picture import draw_image
from handshape.synthetic.signer import make_signer

SIZES = ((100, 100), (300, 225), (480, 640))


def untrained(model: Any, cache: Path, name: str = "handnet", kind: Any = "lda") -> Recogniser:
    """Make a recogniser of a model whose heads have numbers of any kind."""
    backbone = load_backbone(name, None if name == "handnet" else "untrained")
    shape, config = backbone.feature_shape, HeadConfig(kind)
    pool = Pool(4, *shape[1:])
    torch.manual_seed(1)
    head = Head(shape[0] * pool.side[0] * pool.side[1], 3, config)
    head.mean.uniform_()
    image = BackboneClassifier(backbone, pool, head)
    network: SignNetwork = image
    if model != "frozen":
        pose = PoseClassifier(3)
        rows = torch.randn(6, 88)
        pose.count(rows, rows.flip(0), np.arange(6) % 3)
        pose.fit(50.0)
        landmarks = LandmarkClassifier(pose)
        landmarks.log_missed.copy_(torch.tensor([-1.0, -2.0, -3.0]))
        detector = InDistribution(shape[0], 3)
        detector.whiten.copy_(torch.eye(len(detector.whiten)))
        combined = CombinedClassifier(image, landmarks, detector)
        network = landmarks if model == "landmarks" else combined
    described = NetworkConfig(model, 3, backbone.preprocessing, name, shape, config)
    return recogniser_of(network, BundleConfig(("A", "B", "C"), described, 1.5), cache)


def predict(model: onnx.ModelProto, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return Graph(model.SerializeToString()).run(images=images)["probabilities"]


@pytest.mark.parametrize(
    "name", ["handnet", *(pytest.param(one, marks=pytest.mark.slow) for one in ("resnet18", "squeezenet1_1"))]
)
def test_whole_graph__predicts_as_its_bundle(name: str, tmp_path: Path) -> None:
    recogniser = untrained("frozen", tmp_path, name, "mlp" if name == "squeezenet1_1" else "lda")
    model = whole_graph(recogniser)
    rng = np.random.default_rng(0)
    for height, width in SIZES:
        images = rng.integers(0, 256, (3, height, width, 3), dtype=np.uint8)
        for batch in (images, images[:1]):
            assert np.abs(predict(model, batch) - recogniser.predict_proba(list(batch))).max() < 1e-5
    (given,), (found,) = model.graph.input, model.graph.output
    assert (given.name, found.name) == ("images", "probabilities")
    dims = given.type.tensor_type.shape.dim
    assert [bool(dim.dim_param) for dim in dims] == [True, True, True, False] and dims[3].dim_value == 3
    assert given.type.tensor_type.elem_type == onnx.TensorProto.UINT8


@pytest.mark.slow
@pytest.mark.parametrize("model", ["landmarks", "combined"])
def test_whole_graph__looks_for_the_hand_once(model: Any, tmp_path: Path) -> None:
    recogniser = untrained(model, tmp_path)
    graph = whole_graph(recogniser)
    hands = [
        draw_image(letter, make_signer(number), style="room").pixels for number, letter in enumerate("BLY")
    ]
    images = np.stack([*hands, np.zeros_like(hands[0])])
    finder = HandFinder()
    once = [finder.find(image, attempts=1) for image in images]
    expected = [recogniser.classify(image, hand) for image, hand in zip(images, once, strict=True)]
    found = predict(graph, images)
    assert np.abs(found - expected).max() < 0.02  # photos are cut out in other precision
    assert np.allclose(found, np.concatenate([predict(graph, image[None]) for image in images]), atol=1e-5)
    # Hands were found, or there would be nothing to compare.
    assert sum(hand.found for hand in once) >= 2


def test_whole_graph__has_no_loops_and_no_weight_twice(tmp_path: Path) -> None:
    recogniser = untrained("combined", tmp_path)
    model = whole_graph(recogniser)
    kinds = Counter(node.op_type for node in model.graph.node)
    assert not {"Loop", "Scan", "If", "CastLike"} & set(kinds) and not model.functions
    assert {node.domain for node in model.graph.node} == {""}
    assert [(one.domain, one.version) for one in model.opset_import if not one.domain] == [("", 18)]
    assert len(model.SerializeToString()) < 1.1 * sum(
        len(content) for name, content in recogniser.files.items() if name.endswith(".onnx")
    )
    once = Counter(node.op_type for node in onnx.load_from_string(recogniser.files[HAND]).graph.node)
    assert kinds["Conv"] > 3 * once["Conv"]

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor

from handshape.bundle import BundleConfig
from handshape.data.images.decode import Preprocessing
from handshape.errors import ExportError
from handshape.export.onnx import network_graph, whole_graph
from handshape.models.backbones.registry import Backbone, load_backbone
from handshape.models.combined import CombinedClassifier, InDistribution
from handshape.models.hand.hand_finder import load_hand_finder
from handshape.models.hand.landmark_classifier import LandmarkClassifier
from handshape.models.hand.pose_classifier import PoseClassifier
from handshape.models.heads import Head, Pool
from handshape.models.network_config import HeadConfig, NetworkConfig
from handshape.models.sign_network import BackboneClassifier, SignNetwork
from handshape.recogniser import Recogniser
from handshape.synthetic.picture import draw_image
from handshape.synthetic.signer import make_signer


def frozen(name: str, kind: Any = "lda") -> Recogniser:
    from torchvision.models.vision_transformer import Encoder

    backbone = load_backbone(name, None if name == "handnet" else "untrained")
    for part in backbone.modules():
        if isinstance(part, Encoder):  # a transformer's layers are all alike
            del part.layers[2:]
    shape, config = backbone.feature_shape, HeadConfig(kind)
    pool = Pool(4, *shape[1:])
    torch.manual_seed(1)
    head = Head(shape[0] * pool.side[0] * pool.side[1], 3, config)
    head.mean.uniform_()
    network = NetworkConfig("frozen", 3, backbone.preprocessing, name, shape, config)
    return Recogniser(BackboneClassifier(backbone, pool, head), BundleConfig(("A", "B", "C"), network, 1.5))


def answers(model: onnx.ModelProto, images: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    (found,) = onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, {"images": images})
    return found


@pytest.mark.parametrize(
    "name",
    [
        "handnet",
        pytest.param("alexnet", marks=pytest.mark.slow),
        "squeezenet1_1",
        pytest.param("resnet18", marks=pytest.mark.slow),
        pytest.param("mobilenet_v3_small", marks=pytest.mark.slow),
        pytest.param("vit_b_16", marks=pytest.mark.slow),
    ],
)
def test_whole_graph__answers_as_torch_does(name: str) -> None:
    recogniser = frozen(name, "mlp" if name == "squeezenet1_1" else "lda")
    model = whole_graph(network_graph(recogniser), recogniser.config.network.preprocessing.size)
    images = np.random.default_rng(0).integers(0, 256, (3, 100, 120, 3), dtype=np.uint8)
    for batch in (images, images[:1]):  # exported with two
        expected = recogniser.probabilities(list(batch))
        assert np.abs(answers(model, batch) - expected).max() < 1e-5
    # It says what goes in and out, and features are rounded to float16 as those that the head learned from.
    (given,), (found,) = model.graph.input, model.graph.output
    assert (given.name, found.name) == ("images", "probabilities")
    dims = given.type.tensor_type.shape.dim
    assert [bool(dim.dim_param) for dim in dims] == [True, True, True, False] and dims[3].dim_value == 3
    assert given.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    casts = [one.attribute[0].i for one in model.graph.node if one.op_type == "Cast"]
    assert onnx.TensorProto.FLOAT16 in casts


def with_landmarks(plain: Recogniser, model: Any) -> Recogniser:
    """Return the same recogniser with a classifier of landmarks beside, or in place of, its head."""
    image = plain.network.image_classifier
    assert image is not None and isinstance(image.backbone, Backbone)
    pose = PoseClassifier(3)
    means = torch.randn(3, 63, generator=torch.Generator().manual_seed(0))
    pose.set_parameters(means, torch.zeros(3) > 0, torch.eye(42).double())
    network: SignNetwork = LandmarkClassifier(load_hand_finder(), pose, image.backbone.preprocessing)
    assert isinstance(network, LandmarkClassifier)
    network.log_missed.copy_(torch.tensor([-1.0, -2.0, -3.0]))
    if model == "combined":
        detector = InDistribution(image.backbone.feature_shape[0], 3)
        detector.whiten.copy_(torch.eye(len(detector.whiten)))
        network = CombinedClassifier(image, network, detector)
    return Recogniser(
        network.eval(), replace(plain.config, network=replace(plain.config.network, model=model))
    )


@pytest.mark.slow
@pytest.mark.parametrize("model", ["landmarks", "combined"])
def test_whole_graph__finds_hands_as_torch_does(model: str) -> None:
    recogniser = with_landmarks(frozen("handnet"), model)
    graph = whole_graph(network_graph(recogniser), 224)
    hands = [
        draw_image(letter, make_signer(number), style="room").pixels for number, letter in enumerate("BLY")
    ]
    images = np.stack([*hands, np.zeros_like(hands[0])])
    for batch in (images, images[:1], images[-1:]):
        expected = recogniser.probabilities(list(batch))
        assert np.abs(answers(graph, batch) - expected).max() < 1e-4
    # Hands were found, or there would be nothing to compare.
    assert len({tuple(row) for row in recogniser.probabilities(list(images)).round(4).tolist()}) >= 3


class _Strange(SignNetwork):
    def forward(self, images: Tensor) -> Tensor:
        if images.sum() > 0:  # depends on numbers, which no graph can
            return images.mean(dim=(2, 3))
        return images.amax(dim=(2, 3))


def test_network_graph__a_network_that_cannot_be_exported() -> None:
    config = NetworkConfig("frozen", 3, Preprocessing(32), "strange")
    with pytest.raises(
        ExportError,
        match=r"(?s)the network 'strange' cannot be exported \(.*\)",
    ):
        network_graph(Recogniser(_Strange(), BundleConfig(("A", "B", "C"), config)))

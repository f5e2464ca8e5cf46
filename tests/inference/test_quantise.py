from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from torch import nn

from handshape.data.images.decode import Preprocessing
from handshape.inference.engine import Graph
from handshape.inference.quantise import quantise
from handshape.models.backbones.registry import load_backbone
from handshape.models.cnn import CNN
from handshape.models.stages import image_graph
from handshape.synthetic.picture import draw_image
from handshape.synthetic.signer import make_signer


@pytest.mark.parametrize("kind", ["cnn", "handnet"])
def test_quantise__stays_close(kind: str, tmp_path: Path) -> None:
    preprocessing = Preprocessing(32, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    network: nn.Module = CNN(3, 32).features.eval()
    if kind == "handnet":
        network = load_backbone("handnet", None)
        preprocessing = network.preprocessing
    graph = image_graph(network, preprocessing, tmp_path)
    photos = [preprocessing.prepare(draw_image(la, make_signer(1, 0), size=96).pixels) for la in "ABCDE"]
    quantised = quantise(graph, photos)
    images = np.stack(photos).astype(np.float32)
    before, after = (Graph(one).run(images=images)["features"].reshape(5, -1) for one in (graph, quantised))
    cosines = (before * after).sum(1) / np.linalg.norm(before, axis=1) / np.linalg.norm(after, axis=1)
    assert 0.98 < cosines.min() < 1.0  # it did change, and not much
    assert np.array_equal(Graph(quantised).run(images=images[:1])["features"].reshape(1, -1), after[:1])
    model = onnx.load_from_string(quantised)
    products = Counter(node.op_type for node in model.graph.node)
    assert products["DequantizeLinear"] > products["Conv"]
    weights = [one for one in model.graph.initializer if one.data_type == onnx.TensorProto.INT8]
    assert weights and all(abs(onnx.numpy_helper.to_array(one)).max() <= 64 for one in weights)
    assert _weight_bytes(quantised) < _weight_bytes(graph) / 2


def _weight_bytes(graph: bytes) -> int:
    return sum(len(one.raw_data) for one in onnx.load_from_string(graph).graph.initializer)

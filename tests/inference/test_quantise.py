from collections import Counter
from typing import Any

import numpy as np
import onnx
import pytest

from handshape.export.onnx import network_graph, whole_graph
from handshape.export.photos import Photo
from handshape.export.quantise import quantise
from handshape.recogniser import Recogniser
from handshape.synthetic.picture import draw_image
from handshape.synthetic.signer import make_signer

from .conftest import small_recogniser
from .test_onnx import answers, frozen


def quantised(recogniser: Recogniser, photos: list[Photo]) -> tuple[onnx.ModelProto, Any]:
    preprocessing = recogniser.config.network.preprocessing
    network = quantise(network_graph(recogniser), preprocessing, photos)
    model = whole_graph(network, preprocessing.size)
    return network, np.concatenate([answers(model, photo.pixels()[None]) for photo in photos])


@pytest.mark.parametrize("kind", ["cnn", "handnet"])
def test_quantise__stays_close_and_keeps_the_head(kind: str) -> None:
    recogniser = small_recogniser() if kind == "cnn" else frozen("handnet")
    photos = [Photo(draw_image(la, make_signer(1, 0), size=96).pixels) for la in "ABCDE"]
    network, found = quantised(recogniser, photos)
    expected = recogniser.probabilities([photo.pixels() for photo in photos])
    off = float(np.abs(found - expected).max())
    assert 1e-6 < off < 0.1  # it did change, and not much
    bits = {one.name: one.data_type for one in network.graph.initializer}
    products = Counter(node.op_type for node in network.graph.node)
    assert products["DequantizeLinear"] > products["Conv"]
    logits = [node for node in network.graph.node if node.op_type == "Gemm"]
    assert logits and all(bits[node.input[1]] == onnx.TensorProto.FLOAT for node in logits)
    weights = [one for one in network.graph.initializer if one.data_type == onnx.TensorProto.INT8]
    assert weights and all(abs(onnx.numpy_helper.to_array(one)).max() <= 64 for one in weights)


def test_quantise__leaves_the_network_as_it_was() -> None:
    network = network_graph(small_recogniser())
    before = network.SerializeToString()
    quantise(network, small_recogniser().config.network.preprocessing, [Photo(np.zeros((9, 9, 3), np.uint8))])
    assert network.SerializeToString() == before

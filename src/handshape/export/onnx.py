"""The ONNX graph from pixels of any size to probabilities."""

import onnx

from handshape.bundle import HEAD, IMAGE
from handshape.export.resize import resize_graph
from handshape.recogniser import Recogniser


def whole_graph(recogniser: Recogniser) -> onnx.ModelProto:
    """Join the graphs of a recogniser, with the resize before them.

    Returns:
        A model from ``images``, (N, H, W, 3) uint8, to ``probabilities``, (N, K) float32.
    """
    size = recogniser.config.network.preprocessing.size
    resize = onnx.compose.add_prefix(resize_graph(size), "resize/", rename_inputs=False, rename_outputs=False)
    image, head = (onnx.load_from_string(recogniser.files[name]) for name in (IMAGE, HEAD))
    merged = onnx.compose.merge_models(resize, image, io_map=[("prepared", "images")])
    merged = onnx.compose.merge_models(merged, head, io_map=[("features", "features")], name="handshape")
    merged.producer_name = "handshape"
    onnx.checker.check_model(merged)
    return merged

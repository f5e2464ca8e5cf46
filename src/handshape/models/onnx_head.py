"""A head that is an ONNX graph: a classifier of scikit-learn."""

import numpy as np
import onnx
import torch
from onnx import TensorProto, compose, helper, numpy_helper
from torch import Tensor, nn

from handshape.inference.engine import Graph
from handshape.inference.graphs import OPSET

ML_OPSET = 3
"""Version of ONNX's operators for classical machine learning."""
# Classifiers such as forests give probabilities of 0, which have no logarithm.
_LEAST = 1e-7
_PREFIX = "classifier/"


class OnnxHead(nn.Module):
    """Classifies features with a graph, through which no gradient passes.

    Args:
        width: D, number of features of one image after pooling.
        size: Bytes of the graph.
    """

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.width = width
        self.register_buffer("graph", torch.zeros(size, dtype=torch.uint8))

    graph: Tensor

    @classmethod
    def of(cls, width: int, graph: bytes) -> "OnnxHead":
        """Return the head of a graph from ``features``, (N, D) float32, to ``probabilities``, (N, K)."""
        head = cls(width, len(graph))
        head.graph.copy_(torch.frombuffer(bytearray(graph), dtype=torch.uint8))
        return head

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, K) float32 log-probabilities of (N, C, p, p) or (N, D) features."""
        rows = np.asarray(torch.flatten(features, 1).cpu().numpy(), dtype=np.float32)
        found = Graph(self.content()).run(features=rows)["probabilities"]
        return torch.from_numpy(np.maximum(found, _LEAST)).log()

    def stage(self, shape: tuple[int, ...], labels: int, temperature: float) -> bytes:
        """Return the graph from ``features``, (N, C, p, p), to calibrated ``probabilities``."""
        model = compose.add_prefix(onnx.load_from_string(self.content()), _PREFIX)
        taken, given = f"{_PREFIX}features", f"{_PREFIX}probabilities"
        numbers = {"least": _LEAST, "temperature": temperature}
        constants = [
            numpy_helper.from_array(np.array(number, dtype=np.float32), name)
            for name, number in numbers.items()
        ]
        nodes = [
            helper.make_node("Flatten", ["features"], [taken], axis=1),
            *model.graph.node,
            helper.make_node("Max", [given, "least"], ["positive"]),
            helper.make_node("Log", ["positive"], ["logits"]),
            helper.make_node("Div", ["logits", "temperature"], ["scaled"]),
            helper.make_node("Softmax", ["scaled"], ["probabilities"], axis=1),
        ]
        graph = helper.make_graph(
            nodes,
            "head",
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", *shape])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", labels])],
            [*model.graph.initializer, *constants],
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        whole = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        content: bytes = whole.SerializeToString()
        return content

    def content(self) -> bytes:
        """Return the graph."""
        return self.graph.cpu().numpy().tobytes()

"""A network in 8-bit numbers: weights per channel, activations in ranges measured on photos."""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from handshape.data.images.decode import Preprocessing
from handshape.export.photos import Photo

_KINDS = ["Conv", "Gemm", "MatMul"]
# What lies between products, so that numbers stay in 8 bits from one to the next.
_BETWEEN = ["Add", "AveragePool", "Concat", "MaxPool"]


def quantise(
    network: onnx.ModelProto, preprocessing: Preprocessing, photos: Sequence[Photo]
) -> onnx.ModelProto:
    """Quantise what follows the resize, all but the head: it is little work, and the answer hangs on it.

    Args:
        network: From ``prepared``, (N, 3, size, size) uint8, to ``probabilities``.
        preprocessing: How photos are prepared for it.
        photos: Photos on which the ranges of activations are measured.

    Returns:
        A network that takes and gives the same, with 8-bit products inside.
    """
    with tempfile.TemporaryDirectory() as place, _quiet():
        before, after = Path(place) / "fp32.onnx", Path(place) / "int8.onnx"
        onnx.save(network, before)  # a model in memory would be changed
        quantize_static(
            str(before),
            str(after),
            _Reader(preprocessing, photos),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=[*_KINDS, *_BETWEEN],
            nodes_to_exclude=_head(network),
            per_channel=True,
            # 7 bits of weight: processors without VNNI would saturate 8, and answer otherwise than this one.
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        return onnx.load(after)


def _head(network: onnx.ModelProto) -> list[str]:
    """Return the names of the nodes that make logits of features."""
    nodes = list(network.graph.node)
    rounded = [
        index
        for index, node in enumerate(nodes)
        if node.op_type == "Cast" and node.attribute[0].i == onnx.TensorProto.FLOAT16
    ]
    if rounded:
        return [node.name for node in nodes[rounded[-1] :]]
    # The lesson's CNN rounds no features; its two linear layers are its head.
    return [node.name for node in nodes if node.op_type == "Gemm"][-2:]


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Gives ONNX Runtime one prepared photo after the other."""

    def __init__(self, preprocessing: Preprocessing, photos: Sequence[Photo]) -> None:
        self._rows = self._prepared(preprocessing, photos)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        return next(self._rows, None)

    @staticmethod
    def _prepared(
        preprocessing: Preprocessing, photos: Sequence[Photo]
    ) -> Iterator[dict[str, NDArray[np.uint8]]]:
        for photo in photos:
            pixels = preprocessing.prepare(photo.pixels())
            yield {"prepared": np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep advice to model authors, which is logged to the root logger, from the user."""
    logger: Any = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)

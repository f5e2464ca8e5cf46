"""8-bit quantisation: weights per channel, activations calibrated on photos."""

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
# Operators between them, so that numbers stay in 8 bits.
_BETWEEN = ["Add", "AveragePool", "Concat", "MaxPool"]


def quantise(
    network: onnx.ModelProto, preprocessing: Preprocessing, photos: Sequence[Photo]
) -> onnx.ModelProto:
    """Quantise everything after the resize except the head, which is small and needs the precision.

    Args:
        network: From ``prepared``, (N, 3, size, size) uint8, to ``probabilities``.
        preprocessing: Its preprocessing.
        photos: Calibration photos.

    Returns:
        A network with the same inputs and outputs.
    """
    with tempfile.TemporaryDirectory() as place, _quiet():
        before, after = Path(place) / "fp32.onnx", Path(place) / "int8.onnx"
        onnx.save(network, before)  # quantize_static would change a model in memory
        quantize_static(
            str(before),
            str(after),
            _CalibrationPhotos(preprocessing, photos),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=[*_KINDS, *_BETWEEN],
            nodes_to_exclude=_head(network),
            per_channel=True,
            # 7-bit weights, because 8 bits overflow on processors without VNNI.
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        return onnx.load(after)


def _head(network: onnx.ModelProto) -> list[str]:
    """Return the names of the head's nodes."""
    nodes = list(network.graph.node)
    rounded = [
        index
        for index, node in enumerate(nodes)
        if node.op_type == "Cast" and node.attribute[0].i == onnx.TensorProto.FLOAT16
    ]
    if rounded:
        return [node.name for node in nodes[rounded[-1] :]]
    # The CNN does not round features; its two linear layers are its head.
    return [node.name for node in nodes if node.op_type == "Gemm"][-2:]


class _CalibrationPhotos(CalibrationDataReader):  # type: ignore[misc]
    """Prepared photos for ONNX Runtime, one after the other."""

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
    """Hide log messages of the root logger."""
    logger: Any = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)

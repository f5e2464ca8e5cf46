"""8-bit quantisation of image features: weights per channel, activations calibrated on photos."""

import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

CALIBRATED = 128
"""Photos for the calibration."""
# Products, and operators between them, so that numbers stay in 8 bits.
_OPERATORS = ["Conv", "Gemm", "MatMul", "Add", "AveragePool", "Concat", "MaxPool"]


def quantise(graph: bytes, prepared: Iterable[NDArray[np.uint8]]) -> bytes:
    """Quantise a graph of image features.

    Args:
        graph: From ``images``, (N, S, S, 3) float32 in [0, 255], to ``features``.
        prepared: Calibration photos, (S, S, 3) uint8 each.

    Returns:
        A graph with the same input and output.
    """
    with tempfile.TemporaryDirectory() as place, _quiet():
        before, after = Path(place) / "fp32.onnx", Path(place) / "int8.onnx"
        before.write_bytes(graph)
        # Batch norm becomes a part of the convolution before it.
        quant_pre_process(str(before), str(before), skip_symbolic_shape=True)
        quantize_static(
            str(before),
            str(after),
            _CalibrationPhotos(prepared),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_OPERATORS,
            per_channel=True,
            # 7-bit weights, because 8 bits overflow on processors without VNNI.
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        return after.read_bytes()


class _CalibrationPhotos(CalibrationDataReader):  # type: ignore[misc]
    """Prepared photos for ONNX Runtime, one after the other."""

    def __init__(self, prepared: Iterable[NDArray[np.uint8]]) -> None:
        self._photos = iter(prepared)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        photo = next(self._photos, None)
        return None if photo is None else {"images": photo[None].astype(np.float32)}


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

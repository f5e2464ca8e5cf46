"""The ONNX graph from pixels of any size to probabilities."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import onnx
import torch
from torch import Tensor, nn

from handshape.bundle import BundleConfig
from handshape.errors import ExportError
from handshape.export.resize import OPSET, resize_graph
from handshape.recogniser import Recogniser
from handshape.training.predict import calibrated_softmax


class _Prepared(nn.Module):
    """Everything after the resize, for export."""

    def __init__(self, network: nn.Module, config: BundleConfig) -> None:
        super().__init__()
        self.network, self.temperature = network, config.temperature
        self.preprocessing = config.network.preprocessing

    def forward(self, prepared: Tensor) -> Tensor:
        """Return (N, K) probabilities of (N, 3, size, size) uint8."""
        images = self.preprocessing.normalise(prepared.permute(0, 2, 3, 1))
        return calibrated_softmax(self.network(images), self.temperature)


def network_graph(recogniser: Recogniser) -> onnx.ModelProto:
    """Export everything after the resize.

    Args:
        recogniser: The recogniser, on the CPU.

    Returns:
        A model from ``prepared``, (N, 3, size, size) uint8, to ``probabilities``, (N, K) float32.

    Raises:
        ExportError: The network has a layer that cannot be exported.
    """
    config = recogniser.config
    module = _Prepared(recogniser.network, config).eval()
    size = config.network.preprocessing.size
    example = torch.zeros((2, 3, size, size), dtype=torch.uint8)
    try:
        with _quiet():
            program = torch.onnx.export(
                module,
                (example,),
                input_names=["prepared"],
                output_names=["probabilities"],
                dynamic_shapes=({0: torch.export.Dim("N")},),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # the exporter raises many kinds of errors
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ExportError(
            f"the network {config.network.backbone or config.network.model!r} cannot be exported ({first})",
            "layers that ONNX has",
            "choose another --backbone, or use the recogniser with torch",
        ) from error
    model: onnx.ModelProto = program.model_proto  # type: ignore[union-attr]
    return model


def whole_graph(network: onnx.ModelProto, size: int) -> onnx.ModelProto:
    """Put the resize before an exported network.

    Args:
        network: As `network_graph` makes it.
        size: Height and width of prepared images in pixels.

    Returns:
        A model from ``images``, (N, H, W, 3) uint8, to ``probabilities``, (N, K) float32.
    """
    resize = onnx.compose.add_prefix(resize_graph(size), "resize/", rename_inputs=False, rename_outputs=False)
    resize.ir_version = network.ir_version
    merged = onnx.compose.merge_models(resize, network, io_map=[("prepared", "prepared")], name="handshape")
    merged.producer_name = "handshape"
    onnx.checker.check_model(merged)
    return merged


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide the exporter's log messages."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)

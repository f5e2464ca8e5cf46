"""Take MediaPipe's hand networks out of its wheel and write handshape's graphs of them.

    pip download --no-deps mediapipe==0.10.21
    python -m tools.convert_landmarks mediapipe-0.10.21-*.whl --out src/handshape/models/hand

The networks are two TensorFlow Lite files under the Apache License 2.0, whose weights are stored as float16.
They are copied as they are, in the order of the layers, but for kernels, which are turned upside down: where
TensorFlow halves a map it adds more pixels behind it than before it, and torch does that to a map upside
down, without a copy. Needs the package `tflite`, which reads such files.

`palm.onnx`: `images` (N, 192, 192, 3) uint8, RGB, to `palm` (N, 4).
`hand.onnx`: `images` (N, 224, 224, 3) uint8, RGB, to `points` (N, 21, 3), `presence` (N,), `right_hand` (N,)
and `embedding` (N, 1152). What the numbers mean is said at the networks' `forward`.
"""

import argparse
import zipfile
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from tools.landmark_network import CROP_SIZE, LandmarkNet
from tools.palm_detector import PALM_SIZE, PalmNet
from torch import Tensor, nn

_PALM = "mediapipe/modules/palm_detection/palm_detection_full.tflite"
_HAND = "mediapipe/modules/hand_landmark/hand_landmark_full.tflite"
# The palm's layers that look for candidates end with one number or eighteen for each of two or six.
_CANDIDATES = (2, 6, 36, 108)


def layers(data: bytes) -> Iterator[list[Tensor]]:
    """Yield weight and bias of each layer of a model that has any, in order, as torch lays them out."""
    tflite = import_module("tflite")  # nothing else needs it

    model = tflite.Model.GetRootAsModel(data, 0)
    graph = model.Subgraphs(0)
    kinds = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}
    halves: dict[int, Any] = {}

    def numbers(index: int) -> Any:
        tensor = graph.Tensors(index)
        return model.Buffers(tensor.Buffer()).DataAsNumpy().view(np.float16).reshape(tensor.ShapeAsNumpy())

    for place in range(graph.OperatorsLength()):
        layer = graph.Operators(place)
        kind = kinds[model.OperatorCodes(layer.OpcodeIndex()).BuiltinCode()]
        if kind == "DEQUANTIZE":
            halves[layer.Outputs(0)] = numbers(layer.Inputs(0))
            continue
        own = [halves[layer.Inputs(i)] for i in range(layer.InputsLength()) if layer.Inputs(i) in halves]
        if own:
            # Outputs, height, width, inputs in a convolution; inputs come first where each has its own.
            order = {"CONV_2D": (0, 3, 1, 2), "DEPTHWISE_CONV_2D": (3, 0, 1, 2)}.get(kind)
            first = own[0].transpose(order)[:, :, ::-1, ::-1] if order else own[0]
            yield [torch.from_numpy(np.array(some)).float() for some in (first, *own[1:])]


def fill_palm(network: PalmNet, found: Sequence[list[Tensor]]) -> None:
    """Copy the palm's layers: those that look for candidates lie between others, the coarse ones first."""
    heads = [layer for layer in found if len(layer) == 2 and len(layer[0]) in _CANDIDATES]
    rest = [layer for layer in found if not any(layer is head for head in heads)]
    modules = [module for name, module in network.named_modules() if not name.startswith("heads")]
    _copy([module for module in modules if isinstance(module, nn.Conv2d | nn.PReLU)], rest)
    coarse, fine = heads[:2], heads[2:]
    joined = [[torch.cat(parts) for parts in zip(*pair, strict=True)] for pair in (fine, coarse)]
    _copy(list(network.heads), joined)


def fill_landmarks(network: LandmarkNet, found: Sequence[list[Tensor]]) -> None:
    """Copy the layers of the landmarks; the last ones say side, presence, landmarks, and metres: left out."""
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    _copy([*convolutions, network.side, network.there, network.points], found[:-1])


def _copy(modules: Sequence[nn.Module], found: Sequence[list[Tensor]]) -> None:
    for module, numbers in zip(modules, found, strict=True):
        own = list(module.parameters())
        for parameter, tensor in zip(own, numbers, strict=True):
            parameter.data.copy_(tensor.reshape(parameter.shape))


class _OnPixels(nn.Module):
    """A network on (N, S, S, 3) uint8 images."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Any:
        """Return what the network makes of them."""
        return self.network(images.permute(0, 3, 1, 2).float() / 255)


def write_graph(network: nn.Module, size: int, outputs: Sequence[str], path: Path) -> None:
    """Export a network, its weights as float16 as they were."""
    example = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    program = torch.onnx.export(
        _OnPixels(network).eval(),
        (example,),
        input_names=["images"],
        output_names=list(outputs),
        dynamic_shapes=({0: torch.export.Dim("N")},),
        opset_version=18,
        dynamo=True,
        optimize=True,
        verbose=False,
    )
    model = program.model_proto  # type: ignore[union-attr]
    for number, tensor in enumerate(list(model.graph.initializer)):
        numbers = numpy_helper.to_array(tensor)
        if (
            numbers.dtype == np.float32
            and (numbers.astype(np.float16) == numbers).all()
            and numbers.size > 64
        ):
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(numbers.astype(np.float16), f"half.{name}"))
            cast = onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT)
            model.graph.node.insert(number, cast)
    del model.graph.value_info[:]
    onnx.checker.check_model(model)
    onnx.save(model, path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read, copy, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--out", type=Path, default=Path("src/handshape/models/hand"))
    given = parser.parse_args(arguments)
    palm, hand = PalmNet(), LandmarkNet()
    with zipfile.ZipFile(given.wheel) as wheel:
        fill_palm(palm, list(layers(wheel.read(_PALM))))
        fill_landmarks(hand, list(layers(wheel.read(_HAND))))
    write_graph(palm, PALM_SIZE, ["palm"], given.out / "palm.onnx")
    write_graph(hand, CROP_SIZE, ["points", "presence", "right_hand", "embedding"], given.out / "hand.onnx")


if __name__ == "__main__":
    main()

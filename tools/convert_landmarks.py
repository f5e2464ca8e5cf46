"""Take the weights of MediaPipe's hand models out of its wheel and write handshape's file of them.

    pip download --no-deps mediapipe==0.10.21
    python -m tools.convert_landmarks mediapipe-0.10.21-*.whl --out landmarks.safetensors

The models are two TensorFlow Lite files under the Apache License 2.0, whose weights are stored as float16.
They are copied as they are, in the order of the layers, but for kernels, which are turned upside down: where
TensorFlow halves a map it adds more pixels behind it than before it, and torch does that to a map upside
down, without a copy. Needs the package `tflite`, which reads such files.
"""

import argparse
import zipfile
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from handshape.models.backbones.bundled_weights import file_digest
from handshape.models.hand.hand_finder import HandFinder
from handshape.models.hand.landmark_network import LandmarkNet
from handshape.models.hand.palm_detector import PalmNet

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


def main(arguments: Sequence[str] | None = None) -> None:
    """Read, copy, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--out", type=Path, default=Path("landmarks.safetensors"))
    given = parser.parse_args(arguments)
    network = HandFinder()
    with zipfile.ZipFile(given.wheel) as wheel:
        fill_palm(network.palm, list(layers(wheel.read(_PALM))))
        fill_landmarks(network.landmarks, list(layers(wheel.read(_HAND))))
    save_file({name: tensor.half() for name, tensor in network.state_dict().items()}, given.out)
    print(f"{given.out}: put this digest into handshape/models/hand/hand_finder.py: {file_digest(given.out)}")


if __name__ == "__main__":
    main()

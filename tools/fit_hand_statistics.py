"""Fit what the package knows of hands in general: the embedding's projection, and how people differ.

    python -m tools.fit_hand_statistics digits --out src/handshape/models/hand

The embedding is a linear discriminant projection of the landmark network's last layer, averaged over all
places: 25 directions that tell 26 drawn letters of 100 drawn signers apart, scaled so that its covariance
within drawn letters is the identity. No photo of a person is in it. It becomes the last layer of `hand.onnx`.

`spread.npy` is the covariance of x and y of the landmarks within the signs of the Sign Language Digits
Dataset (150 people, Apache License 2.0), in which each digit has a folder of photos. No photo is in it.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from handshape.data.images.decode import read_image
from handshape.inference.engine import Graph
from handshape.models.hand.hand_finder import (
    EMBEDDING_WIDTH,
    HAND,
    LANDMARK_WIDTH,
    HandFinder,
    normalise,
)
from handshape.models.hand.pose_fit import SPREAD
from handshape.synthetic.picture import draw_image
from handshape.synthetic.poses import ALPHABET
from handshape.synthetic.scene import Style
from handshape.synthetic.signer import make_signer

_SIGNERS, _SEED, _SIZE = 100, 9, 224
_STYLES: tuple[Style, ...] = ("room", "outdoor", "studio")
# Shrinkage of the covariance within letters towards a multiple of the identity.
_SHRINKAGE = 0.05
_LAYER, _WEIGHT, _BIAS = "last_layer", "projection.weight", "projection.bias"


def without_projection(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the landmark network as a graph whose `embedding` is its whole last layer."""
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    graph = plain.graph
    for node in [node for node in graph.node if _WEIGHT in node.input]:
        graph.node.remove(node)
    for tensor in [one for one in graph.initializer if one.name in (_WEIGHT, _BIAS)]:
        graph.initializer.remove(tensor)
    _rename(graph, _LAYER, "embedding")
    output = next(one for one in graph.output if one.name == "embedding")
    output.CopyFrom(helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", 1152]))
    return plain


def with_projection(
    model: onnx.ModelProto, weight: NDArray[np.float64], bias: NDArray[np.float64]
) -> onnx.ModelProto:
    """Return the graph of `without_projection` with a last layer behind it."""
    projected = onnx.ModelProto()
    projected.CopyFrom(model)
    graph = projected.graph
    _rename(graph, "embedding", _LAYER)
    graph.initializer.append(numpy_helper.from_array(weight.astype(np.float32), _WEIGHT))
    graph.initializer.append(numpy_helper.from_array(bias.astype(np.float32), _BIAS))
    graph.node.append(helper.make_node("Gemm", [_LAYER, _WEIGHT, _BIAS], ["embedding"]))
    output = next(one for one in graph.output if one.name == "embedding")
    output.CopyFrom(helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", EMBEDDING_WIDTH]))
    onnx.checker.check_model(projected)
    return projected


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Rename a tensor between nodes."""
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]


def drawn_embeddings(finder: HandFinder) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield the letter and the whole last layer of drawn hands and of their mirror images."""
    for number in range(1, _SIGNERS + 1):
        signer = make_signer(number, _SEED)
        for letter, name in enumerate(ALPHABET):
            style = _STYLES[(number + letter) % len(_STYLES)]
            hand, mirrored = finder.find_with_mirrored(
                draw_image(name, signer, seed=_SEED, size=_SIZE, style=style).pixels
            )
            if hand.found:
                yield letter, hand.embedding
                yield letter, mirrored
        print(f"{number} of {_SIGNERS} drawn signers", end="\r", flush=True)


def fit_projection(
    classes: NDArray[np.int64], rows: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weight (1152, 25) and bias (25,) of the discriminant projection of (N, 1152) rows."""
    means = np.stack([rows[classes == letter].mean(axis=0) for letter in range(len(ALPHABET))])
    within = np.cov((rows - means[classes]).T, bias=True)
    shrunk = (1 - _SHRINKAGE) * within + _SHRINKAGE * np.trace(within) / len(within) * np.eye(len(within))
    whiten = np.linalg.inv(np.linalg.cholesky(shrunk)).T
    directions = np.linalg.svd((means - means.mean(axis=0)) @ whiten)[2][:EMBEDDING_WIDTH].T
    weight = whiten @ directions
    return weight, -means.mean(axis=0) @ weight


def spread_of_people(digits: Path) -> NDArray[np.float64]:
    """Return the (42, 42) covariance of x and y of the landmarks within the digits."""
    finder, residuals = HandFinder(), []
    for folder in sorted(one for one in digits.iterdir() if one.is_dir()):
        hands = [finder.find(read_image(photo)) for photo in sorted(folder.iterdir())]
        rows = np.stack([normalise(hand) for hand in hands if hand.found])[:, :LANDMARK_WIDTH]
        flat = rows.reshape(len(rows), -1, 3)[:, :, :2].reshape(len(rows), -1)
        residuals.append(flat - flat.mean(axis=0))
    return np.cov(np.concatenate(residuals).T, bias=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("digits", type=Path)
    parser.add_argument("--out", type=Path, default=HAND.parent)
    given = parser.parse_args(arguments)
    plain = without_projection(onnx.load(HAND))
    finder = HandFinder(hand=Graph(plain.SerializeToString()))
    letters, rows = zip(*drawn_embeddings(finder), strict=True)
    weight, bias = fit_projection(np.array(letters), np.stack(rows).astype(np.float64))
    onnx.save(with_projection(plain, weight, bias), given.out / HAND.name)
    np.save(given.out / SPREAD.name, spread_of_people(given.digits).astype(np.float32))


if __name__ == "__main__":
    main()

"""The MLP head on stored features of AlexNet's shape: handshape's training against the lesson's own loop.

Both are given the (N, 256, 6, 6) features of each side in memory, as their loops take them, and take seven
passes over 1,080 photos in batches of 32. The features are those of an untrained AlexNet, of the webcam
photos A-I: no weights are needed.
"""

import statistics
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks import lesson
from benchmarks.measure import TABLE, alternate, heading, options
from benchmarks.train_cnn import split
from handshape.data.augment import Views
from handshape.data.dataset import SPLITS, SplitIndices, SplitName
from handshape.data.images.index import index_images
from handshape.data.io.folder import read_folder
from handshape.features.extract import Extractor, features_of
from handshape.models.backbones.registry import load_backbone
from handshape.models.heads import Head
from handshape.models.network_config import HeadConfig
from handshape.training.datasets import FeatureRows
from handshape.training.heads.mlp import train_mlp
from handshape.training.loop import LoopConfig

_CONFIG = HeadConfig("mlp", pool=6, scaling="feature")

Features = tuple[Tensor, NDArray[np.int64], SplitIndices]
Rows = dict[SplitName, tuple[Tensor, NDArray[np.int64]]]
Pairs = dict[SplitName, list[tuple[Tensor, int]]]


def ours(data: Rows, seed: int) -> float:
    """Train with handshape; return the test accuracy."""
    train, valid, test = (data[side] for side in SPLITS)
    learned, chosen = ((FeatureRows(rows), classes) for rows, classes in (train, valid))
    head = Head(train[0][0].numel(), int(train[1].max()) + 1, _CONFIG)
    train_mlp(head, learned, chosen, LoopConfig(seed=seed))
    with torch.inference_mode():
        return float((head(test[0]).argmax(dim=1).numpy() == test[1]).mean())


def theirs(kept: Pairs, seed: int) -> float:
    """Train as the lesson does; return the test accuracy."""
    torch.manual_seed(seed)
    network = lesson.MLP(max(label for _, label in kept["train"]) + 1)
    lesson.train(network, kept["train"], kept["valid"])  # type: ignore[arg-type]
    return lesson.accuracy(network, kept["test"])  # type: ignore[arg-type]


def _extracted(photos: Path, cache: Path) -> Features:
    scan = index_images(read_folder(photos, labels="A-I", signer=None), cache)
    extractor = Extractor(load_backbone("alexnet", "untrained"), 6, Views(), torch.device("cpu"))
    stored = features_of(extractor, scan.images, scan.digests, cache)
    return torch.from_numpy(stored.astype(np.float32)), scan.dataset.classes, split(len(scan.dataset))


def main() -> None:
    chosen = options(__doc__ or "").parse_args()
    print(heading(), flush=True)
    with tempfile.TemporaryDirectory() as cache:
        features, classes, sides = _extracted(chosen.data / "webcam", Path(cache))
    rows: Rows = {side: (features[sides[side]], classes[sides[side]]) for side in SPLITS}
    kept: Pairs = {side: list(zip(of, own.tolist(), strict=True)) for side, (of, own) in rows.items()}
    found: tuple[list[float], list[float]] = ([], [])
    pairs = alternate(
        lambda: found[0].append(ours(rows, len(found[0]))),
        lambda: found[1].append(theirs(kept, len(found[1]))),
        chosen.pairs,
    )
    print(TABLE)
    print(pairs.row("MLP head, 7 epochs on 1,080 x 9,216 features", 5))
    for name, accuracies in zip(("handshape", "the lesson's loop"), found, strict=True):
        each = ", ".join(f"{100 * one:.1f}" for one in accuracies)
        print(
            f"Test accuracy of {name}: mean {100 * statistics.mean(accuracies):.1f} % (a seed each: {each})"
        )


if __name__ == "__main__":
    main()

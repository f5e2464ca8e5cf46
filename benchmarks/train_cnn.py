"""An epoch of the lesson's CNN: handshape's loop on photos held once, against the lesson's own.

The peer opens, resizes and normalises every photo each time it is asked for, and reads the training photos a
second time for their accuracy. Both train the same network on the same photos with the same batches of 32.
"""

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Subset

from benchmarks import lesson
from benchmarks.measure import TABLE, alternate, heading, options, time_of
from handshape.data.dataset import SplitIndices
from handshape.data.images.decode import Preprocessing
from handshape.data.images.index import ImageIndex, index_images
from handshape.data.io.folder import read_folder
from handshape.training.cnn import fit_cnn, new_cnn
from handshape.training.datasets import NormalisedImages
from handshape.training.loop import LoopConfig, train_network

_CPU = torch.device("cpu")
_EPOCHS = 7


def split(count: int, seed: int = 0) -> SplitIndices:
    """Return 60, 20 and 20 % of the photos at random, as the lesson splits its own."""
    order: NDArray[np.int64] = np.random.default_rng(seed).permutation(count)
    first, second = count * 6 // 10, count * 8 // 10
    return {"train": order[:first], "valid": order[first:second], "test": order[second:]}


def photos(scan: ImageIndex, indices: NDArray[np.int64]) -> lesson.Photos:
    """Return the same photos as the lesson reads them."""
    samples, classes = scan.dataset.samples, scan.dataset.classes
    return lesson.Photos([(samples[i].path, int(classes[i])) for i in indices])


def ours(scan: ImageIndex, sides: SplitIndices, *, epochs: int, seed: int) -> float:
    """Train with handshape; return the test accuracy of the epoch that reads valid best."""
    loop = LoopConfig(epochs=epochs, seed=seed)
    trained = fit_cnn(scan, sides, loop, _CPU, size=224, mirrored=False)
    right = trained.logits["test"].argmax(dim=1).numpy() == scan.dataset.classes[sides["test"]]
    return float(right.mean())


def theirs(scan: ImageIndex, sides: SplitIndices, *, epochs: int, seed: int) -> float:
    """Train as the lesson does; return the test accuracy of its last epoch."""
    torch.manual_seed(seed)
    network = lesson.CNN(len(scan.dataset.labels))
    lesson.train(network, photos(scan, sides["train"]), photos(scan, sides["valid"]), epochs=epochs)
    return lesson.accuracy(network, photos(scan, sides["test"]))


def main() -> None:
    parser = options(__doc__ or "")
    parser.add_argument("--seeds", type=int, default=3, help="seeds for the accuracies; 0 leaves them out")
    chosen = parser.parse_args()
    print(heading(), flush=True)
    with tempfile.TemporaryDirectory() as cache:
        dataset = read_folder(chosen.data / "webcam", labels="A-I", signer=None)
        seconds = time_of(lambda: index_images(dataset, Path(cache)))
        scan = index_images(dataset, Path(cache))
        sides = split(len(scan.dataset))
        pairs = alternate(lambda: _our_epoch(scan, sides), lambda: _their_epoch(scan, sides), chosen.pairs)
        print(TABLE)
        print(pairs.row("CNN epoch, webcam A-I", 3), flush=True)
        print(f"Reading, checking and holding the {len(scan.dataset)} photos, once: {seconds:.1f} s.")
        accuracies = [
            [rival(scan, sides, epochs=_EPOCHS, seed=seed) for seed in range(chosen.seeds)]
            for rival in (ours, theirs)
        ]
    if chosen.seeds:
        print(f"Test accuracy after {_EPOCHS} epochs, {chosen.seeds} seeds: {_told(accuracies[0])}; with")
        print(f"the lesson's loop: {_told(accuracies[1])}.")


def _our_epoch(scan: ImageIndex, sides: SplitIndices) -> None:
    classes, labels = scan.dataset.classes, len(scan.dataset.labels)
    train, valid = (
        (NormalisedImages(Subset(scan.images, sides[side].tolist()), Preprocessing()), classes[sides[side]])
        for side in ("train", "valid")
    )
    train_network(lambda: new_cnn(labels), train, valid, LoopConfig(epochs=1))


def _their_epoch(scan: ImageIndex, sides: SplitIndices) -> None:
    torch.manual_seed(0)
    network = lesson.CNN(len(scan.dataset.labels))
    lesson.train(network, photos(scan, sides["train"]), photos(scan, sides["valid"]), epochs=1)


def _told(accuracies: Sequence[float]) -> str:
    each = ", ".join(f"{100 * one:.1f}" for one in accuracies)
    return f"mean {100 * statistics.mean(accuracies):.1f} % ({each})"


if __name__ == "__main__":
    main()

"""Rooms never seen: trained on the studio's photos with the best recipe, read on the webcam's, part by part.

Run ``python -m benchmarks.rooms --data DATA``. No photo of the webcam is trained on or chosen by; how the
figures came about is told in docs/accuracy.md.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import handshape
from benchmarks.measure import heading, options
from handshape.data.images.decode import read_image
from handshape.data.io.folder import read_folder
from handshape.models.combined import shown
from handshape.models.network import RoomsNetwork
from handshape.recogniser import Recogniser

_TOGETHER = 4
_PARTS = "the frozen network alone", "landmarks alone, 0 where no hand is found", "both: --recipe best"


def parts(recogniser: Recogniser, photos: list[Path]) -> dict[str, NDArray[np.int64]]:
    """Read photos with the parts of a recogniser, and with all of it.

    Args:
        recogniser: Of the best recipe.
        photos: N paths.

    Returns:
        (N,) int64 answers by part; -1 for none.
    """
    network, preprocessing = recogniser.network, recogniser.config.network.preprocessing
    assert isinstance(network, RoomsNetwork)
    read: dict[str, list[Tensor]] = {}
    for start in range(0, len(photos), _TOGETHER):
        prepared = [preprocessing.prepare(read_image(path)) for path in photos[start : start + _TOGETHER]]
        with torch.inference_mode():
            images = preprocessing.normalise(torch.from_numpy(np.stack(prepared)))
            features = network.pool(network.backbone(images))
            own, (hands, right) = network.head(features), network.reader.look(images)
            by_hand = torch.where(shown(hands)[:, None], network.reader.head(hands), -torch.inf)
            answers = own, by_hand, network.said(features, own, hands, right)
        for name, logits in zip(_PARTS, answers, strict=True):
            # Where no hand was found there is no answer, which is none that is right.
            none = logits.isinf().all(dim=1)
            read.setdefault(name, []).append(torch.where(none, -1, logits.argmax(dim=1)))
    return {name: torch.cat(answers).numpy() for name, answers in read.items()}


def main() -> None:
    """Print the table."""
    parser = options("rooms never seen")
    parser.add_argument("--seeds", type=int, default=3, help="recognisers to train")
    parser.add_argument("--backbone", default="squeezenet1_0")
    asked = parser.parse_args()
    webcam = read_folder(asked.data / "webcam", labels="A-I")
    photos = [sample.path for sample in webcam.samples]
    print(f"{heading()}\n", flush=True)
    table: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as place:
        for seed in range(asked.seeds):
            out = Path(place) / f"run-{seed}"
            metrics = handshape.train(
                asked.data / "studio",
                labels="A-I",
                signer=r"hand(\d+)_",
                backbone=asked.backbone,
                recipe="best",
                seed=seed,
                out=out,
                store=Path(place) / "store",
            )
            own = metrics["models"]["frozen"]
            table.setdefault("studio, a signer left out", []).append(own["test_accuracy"])
            table.setdefault("seconds of training", []).append(own["seconds"]["total"])
            for name, answers in parts(handshape.load(out), photos).items():
                table.setdefault(f"webcam, {name}", []).append(float((answers == webcam.classes).mean()))
            # A run takes long, and what it has found so far shall not be lost with it.
            print(
                f"seed {seed}: " + ", ".join(f"{name} {value[-1]:.4g}" for name, value in table.items()),
                flush=True,
            )
    print("| what | mean | each seed |\n|---|---|---|")
    for name, values in table.items():
        shown = [f"{value:.0f}" if "seconds" in name else f"{100 * value:.1f} %" for value in values]
        mean = float(np.mean(values))
        whole = f"{mean:.0f}" if "seconds" in name else f"{100 * mean:.1f} %"
        print(f"| {name} | {whole} | {', '.join(shown)} |")


if __name__ == "__main__":
    main()

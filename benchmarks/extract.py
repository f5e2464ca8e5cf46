"""Extraction: files on disk to rows in the store, against the lesson's one-image loop and the compute limit.

Run ``python -m benchmarks.extract --data DATA``. AlexNet's weights are untrained, which changes no time.
The accuracy of int8 is measured with pretrained weights where $HANDSHAPE_WEIGHTS has them.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torchvision.models
from numpy.typing import NDArray

from benchmarks.lesson import Photos, extract, list_photos
from benchmarks.measure import TABLE, alternate, heading, matrix_rate, operations, options, time_of
from handshape.config.train import BackboneConfig
from handshape.data.augment import Views
from handshape.data.images.index import Scan, scan_dataset
from handshape.data.io.folder import read_folder
from handshape.features.extract import Extractor, features_of, fill_store, make_extractor
from handshape.models.backbones.registry import Backbone, load_backbone
from handshape.models.heads import Head, HeadConfig
from handshape.training.heads.lda import train_lda
from handshape.training.inputs import FeatureInputs
from handshape.training.loop import predict_logits

_CPU = torch.device("cpu")
_FIRST = 9  # labels from A to I


def main() -> None:
    """Print the table."""
    parser = options("extraction")
    parser.add_argument("--labels", default="ABCDEFGHI", help="letters whose photos are read for times")
    asked = parser.parse_args()
    photos, labels = asked.data / "studio", asked.labels
    torch.manual_seed(0)
    backbone = load_backbone("alexnet", "untrained")
    print(f"{heading()}\n\n{TABLE}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _against_the_lesson(photos, labels, backbone, place, asked.pairs)
        _against_the_limit(photos, labels, backbone, place, asked.pairs)
        _int8(photos, labels, backbone, place, asked.pairs)
        _second_time(photos, labels, backbone, place)
        if "HANDSHAPE_WEIGHTS" in os.environ:
            _int8_accuracy(photos, place)


def _scan(photos: Path, store: Path, labels: str | None) -> Scan:
    store.mkdir(parents=True, exist_ok=True)
    return scan_dataset(read_folder(photos, labels=labels, signer=r"hand(\d+)_"), store, measure=False)


def _against_the_lesson(photos: Path, labels: str, backbone: Backbone, place: Path, pairs: int) -> None:
    files = list_photos(photos, labels)
    lesson = torchvision.models.alexnet(weights=None).features
    runs = iter(range(1000))
    extractor = Extractor(backbone, None, Views(), _CPU)

    def ours() -> None:
        store = place / f"lesson-{next(runs)}"
        scan = _scan(photos, store, ",".join(labels))
        fill_store(extractor, scan.images, scan.digests, store)

    found = alternate(ours, lambda: extract(lesson, Photos(files)), pairs)
    print(found.row(f"AlexNet, {len(files)} studio photos: files to rows", 2.0), flush=True)


def _against_the_limit(photos: Path, labels: str, backbone: Backbone, place: Path, pairs: int) -> None:
    extractor = Extractor(backbone, None, Views(), _CPU)
    scan = _scan(photos, place / "limit", ",".join(labels))
    work = operations(backbone.body, torch.zeros(1, 3, 224, 224)) * len(scan.digests)
    whole, network = list[float](), list[float]()
    for run in range(pairs):
        limit = work / matrix_rate()
        store = place / f"limit-{run}"
        seconds = time_of(lambda store=store: _scan(photos, store, ",".join(labels)))  # type: ignore[misc]
        fill = time_of(lambda store=store: fill_store(extractor, scan.images, scan.digests, store))  # type: ignore[misc]
        limit = (limit + work / matrix_rate()) / 2
        whole.append(limit / (seconds + fill))
        network.append(limit / fill)
    for name, shares in (("files to rows", whole), ("prepared images to rows", network)):
        spread = f"{min(shares):.2f}-{max(shares):.2f}"
        print(
            f"| AlexNet, {name}, share of the limit | | | {statistics.median(shares):.2f} ({spread}) | 0.85 |"
        )


def _int8(photos: Path, labels: str, backbone: Backbone, place: Path, pairs: int) -> None:
    scan = _scan(photos, place / "int8", ",".join(labels))
    quick = make_extractor(backbone, BackboneConfig(precision="int8", pool=0), _CPU, place / "int8")
    exact = Extractor(backbone, None, Views(), _CPU)
    runs = iter(range(1000))

    def fill(extractor: Extractor) -> None:
        fill_store(extractor, scan.images, scan.digests, place / f"int8-{next(runs)}")

    found = alternate(lambda: fill(quick), lambda: fill(exact), pairs)
    print(found.row("AlexNet in int8 against float32, prepared images to rows", 1.3), flush=True)


def _second_time(photos: Path, labels: str, backbone: Backbone, place: Path) -> None:
    extractor = Extractor(backbone, 4, Views(), _CPU)
    ratios = []
    for run in range(5):
        store, seconds = place / f"second-{run}", list[float]()
        for _ in range(2):
            scan = _scan(photos, store, ",".join(labels))
            start = time.perf_counter()
            features_of(extractor, scan.images, scan.digests, store)
            seconds.append(time.perf_counter() - start)
        ratios.append(seconds[0] / seconds[1])
    spread = f"{min(ratios):.0f}-{max(ratios):.0f}"
    ratio = f"{statistics.median(ratios):.0f}x ({spread})"
    print(f"| feature phase, second run on the same data | | | {ratio} | 20x |", flush=True)


def _int8_accuracy(photos: Path, place: Path) -> None:
    backbone, store = load_backbone("squeezenet1_0"), place / "accuracy"
    scan = _scan(photos, store, None)
    quick = make_extractor(backbone, BackboneConfig(precision="int8"), _CPU, store)
    exact = Extractor(backbone, 4, Views(), _CPU)
    rows = [features_of(one, scan.images, scan.digests, store) for one in (exact, quick)]
    classes = scan.dataset.classes
    signers = np.array([sample.signer for sample in scan.dataset.samples])
    for name, kept in (("A-I", classes < _FIRST), ("A-Z", classes >= 0)):
        plain = _left_out(rows[0][kept], rows[0][kept], classes[kept], signers[kept])
        mixed = _left_out(rows[1][kept], rows[0][kept], classes[kept], signers[kept])
        lost = f"{100 * mixed:.2f} % | {100 * plain:.2f} % | {100 * (plain - mixed):.2f}"
        print(f"| points lost by int8, SqueezeNet {name}, each signer left out once | {lost} | 0.5 |")


def _left_out(
    train: NDArray[np.float16],
    judged: NDArray[np.float16],
    classes: NDArray[np.int64],
    signers: NDArray[np.str_],
) -> float:
    """Return the mean accuracy over signers: heads learn from one precision, and are judged in another."""
    names, found = sorted(set(signers.tolist())), []
    tensors = [torch.from_numpy(rows.astype(np.float32)) for rows in (train, judged)]
    for number, signer in enumerate(names):
        test, valid = signers == signer, signers == names[number - 1]
        learned = ~(test | valid)
        head = Head(tensors[0][0].numel(), int(classes.max()) + 1, HeadConfig())
        head.scale_by(tensors[0][learned].flatten(1))
        sides = (tensors[0][learned], classes[learned]), (tensors[1][valid], classes[valid])
        train_lda(head, *sides)
        logits = predict_logits(head, FeatureInputs(tensors[1][test]))
        found.append(float((logits.argmax(dim=1).numpy() == classes[test]).mean()))
    return float(np.mean(found))


if __name__ == "__main__":
    main()

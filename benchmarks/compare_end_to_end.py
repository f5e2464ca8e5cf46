"""From photos on disk to a recogniser, whole processes: handshape compare against fastai.

handshape begins with an empty cache. The peer is what a user would pick instead: fastai's vision_learner on
the same weights, with its own augmentation but no mirror images, fine-tuned for six epochs on the very photos
that handshape's split gives to each side. Each pair splits the photos anew: of one split, one photo more or
less says nothing.
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import heading, options, time_of

_BACKBONE = "squeezenet1_0"
_SETS: dict[str, list[str]] = {"studio": ["--signer", r"hand(\d+)_"], "webcam": []}


def ours(photos: Path, words: list[str], seed: int, out: Path, cache: Path) -> dict[str, Any]:
    """Run ``handshape compare`` in a process of its own; return what it prints."""
    program = "from handshape.cli import main; import sys; sys.argv[0] = 'handshape'; main()"
    options = ["--labels", "A-I", *words, "--models", "frozen", "--backbone", _BACKBONE, "--json"]
    place = ["--seed", str(seed), "--out", str(out), "--cache", str(cache)]
    done = subprocess.run(
        [sys.executable, "-c", program, "compare", str(photos), *options, *place],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def theirs(photos: Path, table: Path, epochs: int) -> float:
    """Run fastai in a process of its own; return its test accuracy."""
    words = ["--fastai", str(table), "--data", str(photos), "--epochs", str(epochs)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.compare_end_to_end", *words],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.splitlines()[-1])


def write_split(photos: Path, words: list[str], seed: int, run: Path, cache: Path, table: Path) -> None:
    """Write the path, label and side of each photo as a run of handshape has split them."""
    from handshape.commands.shared import index_photos, report_data
    from handshape.config.train import CompareConfig
    from handshape.models.backbones.registry import load_backbone
    from handshape.models.device import choose_device
    from handshape.training.fit import Fitter

    signer = words[1] if words else None
    config = CompareConfig(
        data=photos, labels="A-I", signer=signer, backbone=_BACKBONE, cache=cache, seed=seed
    )
    scan, device = index_photos(config)[1], choose_device("auto")
    fitter = Fitter(scan, cache, device, config, load_backbone(_BACKBONE))
    survey = report_data(config, scan, fitter.features())
    described = json.loads((run / "config.json").read_text(encoding="utf-8"))
    if described["data_digest"] != survey.digest:
        raise SystemExit("the run has split the photos otherwise")
    with table.open("w", newline="", encoding="utf-8") as file:
        samples = survey.split.dataset.samples
        csv.writer(file).writerows([one.path, one.label, one.split] for one in samples)


def run_fastai(table: Path, epochs: int) -> None:
    """Fine-tune and print the test accuracy; the process that is timed."""
    import pandas
    import torch
    from fastai.vision.all import ImageDataLoaders, Resize, accuracy, aug_transforms, vision_learner
    from torchvision.models import squeezenet1_0

    from handshape.models.backbones.weights import find_weights

    def missing() -> dict[str, torch.Tensor]:
        raise OSError("give the weights' folder in $HANDSHAPE_WEIGHTS")

    weights = find_weights(_BACKBONE, None, missing).state

    def pretrained(**ignored: Any) -> torch.nn.Module:
        network: torch.nn.Module = squeezenet1_0()
        network.load_state_dict(weights, strict=False)
        return network

    rows = pandas.read_csv(table, names=["path", "label", "side"], header=None)
    learned = rows[rows.side != "test"].assign(is_valid=lambda frame: frame.side == "valid")
    loaders = ImageDataLoaders.from_df(
        learned,
        path="/",
        fn_col="path",
        label_col="label",
        valid_col="is_valid",
        item_tfms=Resize(224, method="squish"),
        batch_tfms=aug_transforms(do_flip=False),
        bs=32,
        num_workers=0,
    )
    learner = vision_learner(loaders, pretrained, pretrained=True, metrics=accuracy, normalize=True)
    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(epochs)
        test = rows[rows.side == "test"]
        told, _ = learner.get_preds(dl=loaders.test_dl(test))
    classes = [list(loaders.vocab).index(label) for label in test.label]
    print(float((told.argmax(dim=1) == torch.tensor(classes)).float().mean()))


def main() -> None:
    parser: argparse.ArgumentParser = options(__doc__ or "")
    parser.set_defaults(pairs=1)
    parser.add_argument("--epochs", type=int, default=6, help="epochs of fine-tuning")
    parser.add_argument("--sets", nargs="+", choices=_SETS, default=[*_SETS], help="which photos")
    parser.add_argument("--fastai", type=Path, help="only run the peer on the split in this table")
    chosen = parser.parse_args()
    if chosen.fastai:
        run_fastai(chosen.fastai, chosen.epochs)
        return
    print(heading(), flush=True)
    print("| photos, split | handshape | fastai | ratio | handshape's test accuracy | fastai's |")
    print("|---|---|---|---|---|---|", flush=True)
    for name in chosen.sets:
        rows = []
        for seed in range(chosen.pairs):
            with tempfile.TemporaryDirectory() as place:
                rows.append(_pair(chosen.data / name, _SETS[name], seed, chosen.epochs, Path(place)))
            print(_row(f"{name}, {seed}", *rows[-1]), flush=True)
        if len(rows) > 1:
            print(_row(f"{name}, mean", *map(statistics.mean, zip(*rows, strict=True))), flush=True)


def _pair(
    photos: Path, words: list[str], seed: int, epochs: int, place: Path
) -> tuple[float, float, float, float]:
    """Return the seconds that each takes, and the test accuracy that each reaches."""
    table, run, cache, found = place / "split.csv", place / "run", place / "cache", list[float]()
    metrics: dict[str, Any] = {}
    our_seconds = time_of(lambda: metrics.update(ours(photos, words, seed, run, cache)))
    write_split(photos, words, seed, run, cache, table)
    seconds = time_of(lambda: found.append(theirs(photos, table, epochs)))
    return our_seconds, seconds, metrics["models"]["frozen"]["test_accuracy"], found[0]


def _row(name: str, seconds: float, peer_seconds: float, reached: float, peer_reached: float) -> str:
    return (
        f"| {name} | {seconds:.1f} s | {peer_seconds:.1f} s | {peer_seconds / seconds:.1f}x "
        f"| {100 * reached:.1f} % | {100 * peer_reached:.1f} % |"
    )


if __name__ == "__main__":
    main()

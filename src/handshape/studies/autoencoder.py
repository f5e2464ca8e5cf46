"""Can a classifier's backbone be the encoder of an autoencoder, and what do its features lose of a photo?

A decoder is trained to reconstruct photos from frozen features; then for a few epochs more, once with the
encoder frozen and once with it tuned; and encoder and decoder together from random weights. The same small
decoder on every layer shows where in the network the photo is lost.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from handshape.config.study import AutoencoderConfig
from handshape.data.dataset import SPLITS, SplitName
from handshape.data.images.photo_grid import photo_grid
from handshape.data.images.prepared import read_batch
from handshape.models.backbones.registry import load_backbone
from handshape.models.backbones.weights import UNTRAINED
from handshape.models.decoder import Autoencoder, Decoder
from handshape.studies.layer_probes import describe_layers, probe_layers
from handshape.studies.page import PageImage, PageTable, Section, StudyOutcome, percent, texts
from handshape.studies.reconstructed_photos import (
    StudyPhotos,
    batches,
    measure_reconstruction,
    to_8_bits,
)
from handshape.studies.steps import StepResult, Steps, StudyData
from handshape.training import reconstruction
from handshape.training.checkpoint import Checkpoint
from handshape.training.datasets import Inputs

# Name, divisor of the epochs, and highest learning rates of (encoder and) decoder as shares of the setting. A
# pretrained encoder changes a tenth as fast as its decoder; a decoder continues at half its first rate.
_ENCODERS: dict[str, tuple[str, int, tuple[float, ...]]] = {
    "frozen": ("frozen", 1, (1.0,)),
    "longer": ("frozen, longer", 6, (0.5,)),
    "tuned": ("tuned", 6, (0.05, 0.5)),
    "scratch": ("from scratch", 3, (0.25, 1.0)),
}
# Reconstructions are good if this share of the signs recognised in photos is recognised in them.
_RECOGNISABLE = 0.8
# Smaller gains do not count, dB.
_NOTABLE = 0.1

_Figures = Mapping[str, Any]


def study_autoencoder(config: AutoencoderConfig, data: StudyData, steps: Steps) -> StudyOutcome:
    """Train a decoder with a frozen encoder, with a tuned one and from scratch, and probe every layer.

    Args:
        config: The settings.
        data: The photos and the backbone.
        steps: Keeps the results of finished steps.

    Returns:
        How well each autoencoder reconstructs test photos, with photos to look at.
    """
    photos = StudyPhotos(config, data)
    results = {"mean": steps.run("mean", lambda _: _measure_mean_photo(photos))}
    for name in _ENCODERS:
        start = results["frozen"].tensors if name in ("longer", "tuned") else {}
        results[name] = steps.run(name, partial(_fit_autoencoder, photos, name, start))
    results["layers"] = steps.run("layers", partial(probe_layers, photos))
    return _describe(photos, results)


def _measure_mean_photo(photos: StudyPhotos) -> StepResult:
    """Measure the mean training photo in place of each test photo, and the accuracy on the test photos."""
    targets, mean = photos.targets("test"), photos.mean
    found = measure_reconstruction(targets, lambda batch: mean.expand(len(batch), -1, -1, -1))
    figures = {"mean_photo": found, "recognised": photos.recognised(partial(read_batch, targets))}
    return StepResult(figures, {"shown": to_8_bits(read_batch(targets, photos.shown))})


# The autoencoders.


def _fit_autoencoder(
    photos: StudyPhotos, name: str, start: Mapping[str, Tensor], keeper: Checkpoint
) -> StepResult:
    """Train one autoencoder and measure it; ``start`` holds the decoder of frozen features."""
    config, decoder = photos.config, _make_decoder(photos, start)
    inputs: Callable[[SplitName], Inputs] = photos.codes
    network: nn.Module = decoder
    parts: list[nn.Module] = [decoder]
    if name in ("tuned", "scratch"):
        weights = config.weights if name == "tuned" else UNTRAINED
        encoder = load_backbone(config.backbone, weights, seed=config.seed).to(photos.data.device)
        inputs, network, parts = photos.images, Autoencoder(encoder, decoder), [encoder, decoder]
    train, valid = ((inputs(split), photos.targets(split)) for split in SPLITS[:2])
    if name == "frozen":
        sample = np.linspace(0, len(train[0]) - 1, min(len(train[0]), 128)).astype(np.int64)
        decoder.scale_by(read_batch(train[0], sample))
    elif name == "scratch":
        decoder.scale_by(photos.run(encoder, read_batch(train[0], batches(len(train[0]))[0])))
    what, fewer, rates = _ENCODERS[name]
    history = reconstruction.train_reconstruction(
        network, photos.groups(parts, rates), train, valid, photos.loop(config.epochs / fewer),
        what=f"Autoencoder ({what})", keeper=keeper,
    )  # fmt: skip
    tested = inputs("test")

    def rebuild(batch: NDArray[np.int64]) -> Tensor:
        return photos.run(network, read_batch(tested, batch))

    trained = sum(parameter.numel() for parameter in network.parameters())
    seconds = math.fsum(row["seconds"] for row in history)
    found = measure_reconstruction(photos.targets("test"), rebuild)
    figures = {**found.to_dict(), "recognised": photos.recognised(rebuild)}
    figures |= {"epochs": len(history), "trained": trained, "seconds": seconds}
    state = decoder.state_dict() if name == "frozen" else {}
    kept = {f"decoder.{key}": value for key, value in state.items()}
    return StepResult(figures, {"shown": to_8_bits(rebuild(photos.shown)), **kept}, history)


def _make_decoder(photos: StudyPhotos, start: Mapping[str, Tensor]) -> Decoder:
    """Return a decoder with the weights in ``start``, or with those of the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(photos.config.seed)
        decoder = Decoder(photos.data.backbone.feature_shape, photos.mean)
    if start:
        kept = {name.removeprefix("decoder."): value for name, value in start.items() if name != "shown"}
        decoder.load_state_dict(kept)
    return decoder


# The page.


def _describe(photos: StudyPhotos, results: Mapping[str, StepResult]) -> StudyOutcome:
    encoders = {name: results[name].figures for name in _ENCODERS}
    mean, recognised = results["mean"].figures["mean_photo"], results["mean"].figures["recognised"]
    layers = results["layers"].figures
    table, name = _encoder_table(mean, encoders), photos.data.backbone.name
    text = texts("autoencoder")
    sections = [
        Section("photos", "Reconstructions", text["photos"], [_photo_sheet(photos, results), table]),
        Section("lost", "What the features lose", _lost_text(encoders, layers, recognised)),
        Section("layers", "Layer by layer", text["layers"], describe_layers(results["layers"])),
    ]
    used = {split: len(indices) for split, indices in photos.splits.items()}
    figures = {"photos": used, "mean_photo": mean, "recognised_in_photos": recognised}
    figures |= {"encoders": encoders, "layers": layers}
    cautions = []
    if sum(used.values()) < len(photos.data.classes):
        cautions.append(("A part of the photos", f"{sum(used.values()):,} photos were used (--photos)."))
    return StudyOutcome(_answer(name, mean, encoders, recognised), figures, sections, table, cautions)


def _answer(name: str, mean: _Figures, encoders: Mapping[str, _Figures], recognised: float) -> str:
    frozen, more = encoders["frozen"], encoders["tuned"]["psnr"] - encoders["longer"]["psnr"]
    gain = f"{frozen['psnr']:.1f} dB (the mean photo: {mean['psnr']:.1f} dB)"
    if frozen["psnr"] - mean["psnr"] < 1:
        return f"A decoder on frozen {name} features is hardly better than the mean photo: PSNR {gain}"
    verdict = "Yes" if frozen["recognised"] >= _RECOGNISABLE * recognised else "In outline only"
    tuning = f"{more:.1f} dB more" if more > _NOTABLE else "no more"
    return (
        f"{verdict}: a decoder on frozen {name} features reconstructs photos at {gain}, with "
        f"{percent(frozen['recognised'], 0)} of the signs recognised ({percent(recognised, 0)} in the "
        f"photos); tuning the encoder gives {tuning}"
    )


def _encoder_table(mean: _Figures, encoders: Mapping[str, _Figures]) -> PageTable:
    rows = [["mean photo", *_quality(mean), "", ""]]
    for name, one in encoders.items():
        epochs = f"{'+' if name in ('longer', 'tuned') else ''}{one['epochs']}"
        rows.append([_ENCODERS[name][0], *_quality(one), percent(one["recognised"], 0), epochs])
    words = "Test photos. The mean training photo is the baseline; epochs with + continue “frozen”."
    columns = ["Encoder", "PSNR", "SSIM", "Signs recognised", "Epochs"]
    return PageTable(words, columns, rows)


def _quality(one: _Figures) -> list[str]:
    return [f"{one['psnr']:.2f} dB", f"{one['ssim']:.3f}"]


def _lost_text(encoders: Mapping[str, _Figures], layers: _Figures, recognised: float) -> list[str]:
    frozen, longer, tuned, scratch = encoders.values()
    more = tuned["psnr"] - longer["psnr"]
    early, late = layers["layers"][0]["psnr"], layers["layers"][-1]["psnr"]
    shown = "so much is missing in frozen features" if more > _NOTABLE else "this does not show a loss"
    return [
        "A weak decoder and features that lost information look alike; two comparisons separate them. With "
        f"the same decoder and as many epochs, tuning the encoder changes PSNR by {more:+.2f} dB: "
        f"{shown}. The same small decoder reaches {early:.1f} dB on the first "
        f"layer and {late:.1f} dB on the last. From scratch, PSNR is {scratch['psnr'] - frozen['psnr']:+.1f} "
        f"dB compared with frozen features. {percent(recognised, 0)} of the signs are recognised in photos, "
        f"{percent(frozen['recognised'], 0)} in reconstructions from frozen features."
    ]


def _photo_sheet(photos: StudyPhotos, results: Mapping[str, StepResult]) -> PageImage:
    rows = [results[name].tensors["shown"].numpy() for name in ("mean", *_ENCODERS)]
    names = ["photo", *(name.replace(", ", ",\n") for name, *_ in _ENCODERS.values())]
    heads = [photos.data.labels[label] for label in photos.test_classes[photos.shown]]
    words = f"Test photos above reconstructions with {len(_ENCODERS)} encoders."
    return PageImage("photos", "Test photos and reconstructions", photo_grid(rows, names, heads), words)

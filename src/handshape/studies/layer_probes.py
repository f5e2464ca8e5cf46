"""Where in the network a photo is lost: the same small decoder on every layer."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handshape.data.images.photo_grid import photo_grid
from handshape.data.images.prepared import read_batch
from handshape.models.backbones.layers import layers_of
from handshape.models.decoder import PROBE_SIZE, Probes
from handshape.studies.page import PageImage, PageTable
from handshape.studies.reconstructed_photos import StudyPhotos, batches, evenly, to_8_bits
from handshape.studies.steps import StepResult
from handshape.training import reconstruction
from handshape.training.checkpoint import Checkpoint
from handshape.training.reconstruction import psnr_of

# Photos in the sheet of layers, one of each of the first labels.
_SHOWN_BY_LAYER = 3
# Layers that are probed, spread evenly, and the probes' training photos and epochs.
_LAYERS, _PROBE_PHOTOS, _PROBE_EPOCHS = 9, 600, 2


def probe_layers(photos: StudyPhotos, keeper: Checkpoint) -> StepResult:
    """Train a probe for each layer and measure what each reconstructs of the test photos, at 64 x 64 pixels.

    Args:
        photos: The photos and the backbone.
        keeper: Keeps the training.
    """
    backbone, config = photos.data.backbone.to(photos.data.device), photos.config
    every = layers_of(backbone)
    layers = [every[i] for i in evenly(len(every), min(_LAYERS, len(every)))]
    mean = photos.targets("train", PROBE_SIZE).mean()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        probes = Probes(backbone, layers, mean)
    share = min(1.0, _PROBE_PHOTOS / len(photos.splits["train"]))
    most = max(12, int(sum(map(len, photos.splits.values())) * share))
    few = replace(photos, config=replace(config, photos=most))
    history = reconstruction.train_reconstruction(
        probes, photos.groups([probes], [1]), (few.images("train"), few.targets("train", PROBE_SIZE)),
        (photos.images("valid"), photos.targets("valid", PROBE_SIZE)), photos.loop(_PROBE_EPOCHS),
        what="Probing layers", keeper=keeper,
        loss=lambda found, wanted: _each(reconstruction.reconstruction_loss, found, wanted).sum(),
        metric=lambda found, wanted: _each(reconstruction.summed_psnr, found, wanted).mean(),
    )  # fmt: skip
    targets, images = photos.targets("test", PROBE_SIZE), photos.images("test")

    def rebuild(batch: NDArray[np.int64]) -> Tensor:
        return photos.run(probes, read_batch(images, batch))

    ratios, baseline = [], []
    for batch in batches(len(targets)):
        wanted = read_batch(targets, batch)
        ratios.append(_each(psnr_of, rebuild(batch), wanted))
        baseline.append(psnr_of(mean.expand_as(wanted), wanted))
    means = torch.cat(ratios, dim=1).double().mean(dim=1).tolist()
    rows = [
        {"layer": layer.name, "numbers": math.prod(layer.shape), "psnr": psnr}
        for layer, psnr in zip(layers, means, strict=True)
    ]
    seconds = math.fsum(row["seconds"] for row in history)
    mean_psnr = float(torch.cat(baseline).double().mean())
    shown = photos.shown[:_SHOWN_BY_LAYER]
    sheet = torch.stack([to_8_bits(one) for one in (read_batch(targets, shown), *rebuild(shown).unbind(1))])
    return StepResult({"layers": rows, "mean_psnr": mean_psnr, "seconds": seconds}, {"shown": sheet}, history)


def _each(measure: Callable[[Tensor, Tensor], Tensor], found: Tensor, wanted: Tensor) -> Tensor:
    return torch.stack([measure(one, wanted) for one in found.unbind(1)])


def describe_layers(result: StepResult) -> list[PageTable | PageImage]:
    """Return a sheet of reconstructed photos and a table for what `probe_layers` found."""
    layers = result.figures["layers"]
    rows = [[row["layer"], f"{row['psnr']:.2f} dB", f"{row['numbers']:,}"] for row in layers]
    rows.append(["mean photo", f"{result.figures['mean_psnr']:.2f} dB", ""])
    photos = list(result.tensors["shown"].transpose(0, 1).numpy())
    heads = ["photo", *(f"layer {number + 1}" for number in range(len(layers)))]
    sheet = photo_grid(photos, [f"photo {number + 1}" for number in range(len(photos))], heads)
    words = "Test photos beside their reconstructions from each layer."
    image = PageImage("layers-photos", "Test photos, reconstructed from each layer", sheet, words)
    table = PageTable("Reconstruction at 64 x 64 pixels.", ["Layer", "PSNR", "Numbers per photo"], rows)
    return [image, table]

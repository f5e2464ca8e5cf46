"""How much of a photo can be got back from each layer of the backbone, by the same small decoder."""

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from handshape.data.images.prepared import read_batch
from handshape.models.backbones.layers import FeatureLayer, layers_of, outputs_of
from handshape.models.decoder import PROBE_SIZE, Probe
from handshape.studies.grid import as_pixels
from handshape.studies.steps import Result
from handshape.studies.ways_back import Bench
from handshape.training.checkpoint import Checkpoint
from handshape.training.reconstruction import (
    ReconstructionConfig,
    psnr_of,
    reconstruction_loss,
    summed_psnr,
    train_reconstruction,
)

MOST = 9
"""Layers that are looked at, spread evenly where a backbone has more; the last is always among them."""
PHOTOS = 600
"""Photos that probes are trained on, at most."""
_EPOCHS = 2
_SHOWN = 3
_BATCH = 32


class Probes(nn.Module):
    """One probe for each layer of a frozen backbone, run together: the backbone runs once for all.

    Args:
        bench: The photos and the backbone.
        layers: The layers.
        mean: (3, 64, 64) mean training photo.
    """

    def __init__(self, bench: Bench, layers: list[FeatureLayer], mean: Tensor) -> None:
        super().__init__()
        self.probes = nn.ModuleList(Probe(layer.shape[0], mean) for layer in layers)
        # In a list, so that the frozen backbone is no part of the checkpoints.
        self._backbone, self._layers = [bench.material.backbone.to(bench.material.device)], layers

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, L, 3, 64, 64) photos for L layers from (N, 3, H, W) normalised images."""
        modules = [layer.module for layer in self._layers]
        with torch.no_grad(), outputs_of(modules) as found:
            self._backbone[0](images)
        return torch.stack([probe(found[m]) for probe, m in zip(self.probes, modules, strict=True)], dim=1)


def probe_layers(bench: Bench, keeper: Checkpoint) -> Result:
    """Train all probes and measure what each gives back of the test photos, at 64 x 64 pixels.

    Args:
        bench: The photos and the backbone.
        keeper: Keeps the training.

    Returns:
        PSNR and size of the code for each layer, and some photos by layer.
    """
    layers = _chosen(layers_of(bench.material.backbone))
    photos = {side: bench.photos(side, PROBE_SIZE) for side in ("train", "valid", "test")}
    mean = photos["train"].mean()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(bench.config.seed)
        probes = Probes(bench, layers, mean)
    # Fewer photos are shown more often: the number of steps is what counts here.
    few = _fewer(bench)
    history = train_reconstruction(
        probes,
        [probes],
        (few.images("train"), few.photos("train", PROBE_SIZE)),
        (bench.images("valid"), photos["valid"]),
        ReconstructionConfig(
            epochs=_EPOCHS,
            batch_size=bench.config.batch_size,
            learning_rates=(bench.config.learning_rate,),
            seed=bench.config.seed,
        ),
        device=bench.material.device,
        what="Probing layers",
        keeper=keeper,
        loss=_loss_of_all,
        metric=_psnr_of_all,
    )
    return _measured(bench, layers, probes, history)


def _fewer(bench: Bench) -> Bench:
    share = min(1.0, PHOTOS / len(bench.sides["train"]))
    photos = sum(len(indices) for indices in bench.sides.values())
    return replace(bench, config=replace(bench.config, photos=max(12, int(photos * share))))


def _measured(
    bench: Bench, layers: list[FeatureLayer], probes: Probes, history: list[dict[str, float]]
) -> Result:
    photos, images = bench.photos("test", PROBE_SIZE), bench.images("test")
    order, ratios, baseline = np.arange(len(photos)), [], []
    mean = bench.photos("train", PROBE_SIZE).mean()
    with torch.inference_mode():
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            found, wanted = (
                probes(read_batch(images, batch).to(bench.material.device)).cpu(),
                read_batch(photos, batch),
            )
            ratios.append(torch.stack([psnr_of(one, wanted) for one in found.unbind(1)]))
            baseline.append(psnr_of(mean.expand_as(wanted), wanted))
        shown = probes(read_batch(images, bench.shown[:_SHOWN]).to(bench.material.device)).cpu()
    means = torch.cat(ratios, dim=1).double().mean(dim=1).tolist()
    rows = [
        {"layer": layer.name, "numbers": math.prod(layer.shape), "psnr": psnr}
        for layer, psnr in zip(layers, means, strict=True)
    ]
    seconds = math.fsum(row["seconds"] for row in history)
    tensors = {
        "shown": torch.stack([torch.from_numpy(as_pixels(one)) for one in shown.unbind(1)]),
        "originals": torch.from_numpy(as_pixels(read_batch(photos, bench.shown[:_SHOWN]))),
    }
    figures = {"layers": rows, "mean_psnr": float(torch.cat(baseline).double().mean()), "seconds": seconds}
    return Result(figures, tensors, history)


def _chosen(layers: list[FeatureLayer]) -> list[FeatureLayer]:
    places = np.unique(np.linspace(0, len(layers) - 1, min(MOST, len(layers))).round().astype(int))
    return [layers[i] for i in places]


def _loss_of_all(found: Tensor, photos: Tensor) -> Tensor:
    return torch.stack([reconstruction_loss(one, photos) for one in found.unbind(1)]).sum()


def _psnr_of_all(found: Tensor, photos: Tensor) -> Tensor:
    return torch.stack([summed_psnr(one, photos) for one in found.unbind(1)]).mean()

"""Moving about in feature space: fewer numbers, a walk between two signs, and samples of a Gaussian."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handshape.data.images.prepared import read_batch
from handshape.evaluation.reconstruction import measure_reconstruction
from handshape.models.decoder import Decoder
from handshape.studies.grid import as_pixels
from handshape.studies.steps import Result
from handshape.studies.ways_back import Bench, kept_decoder
from handshape.training.datasets import FeatureRows
from handshape.training.reconstruction import psnr_of

WIDTHS = (8, 32, 128)
"""Numbers per photo that the codes are cut down to."""
SAMPLED = 32
"""Directions of the Gaussian: those in which codes differ most. More of them add noise, not hands."""
STEPS = 8
SAMPLES = 16


@dataclass(frozen=True)
class Space:
    """The directions in which codes of training photos differ most.

    Args:
        mean: (D,) float32.
        axes: (k, D) float32, orthonormal, those of the largest deviation first.
        deviations: (k,) float32, of the training codes along each.
    """

    mean: Tensor
    axes: Tensor
    deviations: Tensor

    def shorten(self, codes: Tensor, width: int) -> Tensor:
        """Return (n, D) codes with all but their first ``width`` coordinates taken off."""
        axes = self.axes[:width]
        return self.mean + ((codes - self.mean) @ axes.T) @ axes


def find_space(codes: Tensor, width: int) -> Space:
    """Find the principal components of codes.

    Args:
        codes: (n, D) float32; n is smaller than D here, so the n x n products are decomposed.
        width: k, how many components; fewer where there are fewer photos.

    Returns:
        The space.
    """
    mean = codes.mean(dim=0)
    centred = codes - mean
    values, vectors = torch.linalg.eigh((centred @ centred.T).double())
    k = min(width, len(codes) - 1)
    values, vectors = values.flip(0)[:k].clamp(min=1e-12), vectors.flip(1)[:, :k]
    axes = (vectors / values.sqrt()).T.float() @ centred
    return Space(mean, axes, (values / len(codes)).sqrt().float())


def explore_space(bench: Bench, begun: Mapping[str, Tensor]) -> Result:
    """Shorten codes, walk between two signs, and draw from a Gaussian; all decoded by the frozen decoder.

    Args:
        bench: The photos and the backbone.
        begun: Tensors of the frozen way.

    Returns:
        Figures for shortened codes, and the pictures.
    """
    decoder = kept_decoder(bench, begun)
    decoder.to(bench.material.device).eval()
    shape = bench.material.backbone.feature_shape
    train = torch.from_numpy(bench.codes("train").astype(np.float32)).flatten(1)
    space = find_space(train, max(WIDTHS))
    del train
    coded = FeatureRows(bench.codes("test"))
    photos = bench.photos("test")
    widths = {}
    for width in WIDTHS:
        if width > len(space.axes):
            continue

        def rebuild(batch: NDArray[np.int64], width: int = width) -> Tensor:
            short = space.shorten(read_batch(coded, batch).flatten(1), width)
            return _decode(bench, decoder, short.reshape(-1, *shape))

        widths[str(width)] = measure_reconstruction(photos, rebuild, bench.mean).to_dict()
    ends = _two_signs(bench)
    shares = torch.linspace(0, 1, STEPS)[:, None, None, None]
    codes, pair = read_batch(coded, ends), read_batch(photos, ends)
    walk = _decode(bench, decoder, codes[:1] * (1 - shares) + codes[1:] * shares)
    faded = pair[:1] * (1 - shares) + pair[1:] * shares
    samples, nearest = _sample(bench, decoder, space)
    labels = bench.material.classes[bench.sides["test"][ends]]
    figures = {
        "dimensions": {
            "code": math.prod(shape),
            "image": 3 * bench.size**2,
            "code_bytes": 2 * math.prod(shape),
            "image_bytes": 3 * bench.size**2,
        },
        "shortened": widths,
        "walk": [bench.material.labels[int(label)] for label in labels],
        "sampled_directions": min(SAMPLED, len(space.axes)),
        "samples_nearest_psnr": nearest,
    }
    tensors = {"walk": walk, "faded": faded, "samples": samples}
    return Result(figures, {name: torch.from_numpy(as_pixels(rows)) for name, rows in tensors.items()})


def _decode(bench: Bench, decoder: Decoder, codes: Tensor) -> Tensor:
    place = codes.contiguous(memory_format=torch.channels_last).to(bench.material.device)
    with torch.inference_mode():
        return decoder(place).cpu()  # type: ignore[no-any-return]


def _two_signs(bench: Bench) -> NDArray[np.int64]:
    """Choose test photos of the first label and of one half-way on, as alike in light as there are."""
    classes = bench.material.classes[bench.sides["test"]]
    present = np.unique(classes)
    photos = bench.photos("test", 8)
    tiny = read_batch(photos, range(len(photos))).flatten(1)
    first, second = (np.flatnonzero(classes == present[i]) for i in (0, len(present) // 2))
    apart = torch.cdist(tiny[first].mean(dim=1, keepdim=True), tiny[second].mean(dim=1, keepdim=True))
    row, column = divmod(int(apart.argmin()), len(second))
    return np.array([first[row], second[column]], dtype=np.int64)


def _sample(bench: Bench, decoder: Decoder, space: Space) -> tuple[Tensor, float]:
    """Draw codes from the Gaussian and decode them; also return how near the nearest training photos are.

    Returns:
        (n, 3, H, W) photos, and the mean over them of the largest PSNR with any training photo, dB.
    """
    rng = torch.Generator().manual_seed(bench.config.seed)
    k = min(SAMPLED, len(space.axes))
    drawn = torch.randn(SAMPLES, k, generator=rng) * space.deviations[:k]
    # Features after a ReLU are never negative, which no Gaussian knows.
    codes = (space.mean + drawn @ space.axes[:k]).clamp(min=0)
    found = _decode(bench, decoder, codes.reshape(-1, *bench.material.backbone.feature_shape))
    best = torch.full((SAMPLES,), -math.inf)
    photos = bench.photos("train")
    for start in range(0, len(photos), 64):
        for photo in read_batch(photos, range(start, min(start + 64, len(photos)))):
            best = torch.maximum(best, psnr_of(found, photo.expand_as(found)))
    return found, float(best.double().mean())

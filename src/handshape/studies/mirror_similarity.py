"""How alike the features of a photo and of its mirror image are, layer by layer."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from handshape.data.images.prepared import read_batch
from handshape.models.backbones.layers import layers_of, outputs_of
from handshape.studies.material import PLACES, Material

MOST = 64
"""Photos that are looked at, spread evenly over the data set."""
SHIFT = 0.05
"""The small shift that stands beside mirroring, as a share of the photo's width."""
KINDS = ("shifted", "mirrored", "turned back", "same label", "other label")
"""What a photo is compared with: itself a little to the right, its mirror image, the same with the map of
features turned back (the same as itself, if the network sees left and right alike), a photo of its label
(of another signer, where they are known), and a photo of another label."""
_BATCH = 16


@dataclass(frozen=True)
class Alike:
    """Mean similarity in one layer.

    Args:
        layer: Its name.
        places: Places along each axis that its output was averaged to.
        means: Mean over photos for each of `KINDS`, correlations in [-1, 1]; NaN where there was no pair.
    """

    layer: str
    places: int
    means: dict[str, float]


def measure_similarity(material: Material) -> list[Alike]:
    """Compare photos with their mirror images and with other photos, layer by layer.

    Similarity is the cosine of two feature vectors after the mean over all photos and mirror images was taken
    off: what every photo has in common does not count.

    Args:
        material: The photos and the backbone.

    Returns:
        For each layer, pixels first, once averaged to a single place and once to 4 x 4.
    """
    chosen = np.unique(np.linspace(0, len(material.classes) - 1, MOST).round().astype(np.int64))
    others = _others(material, chosen)
    maps = _maps(material, chosen)
    return [
        Alike(layer, places, _compare(seen, others))
        for places, found in maps.items()
        for layer, seen in found.items()
    ]


def _others(material: Material, chosen: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """Return for each chosen photo which of them has its label, and which another; -1 for none."""
    classes = material.classes[chosen]
    # Where nobody is known, photos of other bursts are the best that can be had.
    known = any(material.signers)
    who = np.array([material.signers[i] or "" for i in chosen]) if known else material.survey.bursts[chosen]
    rng = np.random.default_rng(material.seed)
    same: list[int] = []
    other: list[int] = []
    for row in range(len(chosen)):
        for found, fits in (
            (same, (classes == classes[row]) & (who != who[row])),
            (other, classes != classes[row]),
        ):
            places = np.flatnonzero(fits)
            found.append(int(rng.choice(places)) if len(places) else -1)
    return {"same label": np.array(same), "other label": np.array(other)}


def _maps(material: Material, chosen: NDArray[np.int64]) -> dict[int, dict[str, dict[str, Tensor]]]:
    """Return the maps of plain, shifted and mirrored photos, (n, C, p, p), by places, layer and view."""
    backbone = material.backbone.to(material.device)
    layers = layers_of(backbone)
    found: dict[int, dict[str, dict[str, list[Tensor]]]] = {1: {}, PLACES: {}}
    edges = [*range(0, len(chosen), _BATCH), len(chosen)]
    with torch.inference_mode(), outputs_of([layer.module for layer in layers]) as outputs:
        for start, end in pairwise(edges):
            pixels = torch.from_numpy(read_batch(material.survey.indexed.images, chosen[start:end]))
            for view, seen in _views(pixels).items():
                images = backbone.preprocessing.normalise(seen.to(material.device))
                backbone(images)
                named = {"pixels": images, **{layer.name: outputs[layer.module] for layer in layers}}
                for name, output in named.items():
                    for places, rows in found.items():
                        small = F.adaptive_avg_pool2d(output.float(), places).cpu()
                        rows.setdefault(name, {}).setdefault(view, []).append(small)
    return {
        places: {
            name: {view: torch.cat(parts) for view, parts in seen.items()} for name, seen in rows.items()
        }
        for places, rows in found.items()
    }


def _views(pixels: Tensor) -> dict[str, Tensor]:
    """Return (n, H, W, 3) photos as they are, moved to the right with their edge repeated, and mirrored."""
    width = pixels.shape[2]
    columns = (torch.arange(width) - round(SHIFT * width)).clamp(min=0)
    return {"plain": pixels, "shifted": pixels[:, :, columns], "mirrored": pixels.flip(2)}


def _compare(seen: dict[str, Tensor], others: dict[str, NDArray[np.int64]]) -> dict[str, float]:
    maps = {**seen, "turned back": seen["mirrored"].flip(3)}
    centre = torch.cat([maps["plain"], maps["mirrored"]]).mean(dim=0)
    rows = {view: torch.flatten(values - centre, 1).double() for view, values in maps.items()}
    found = {}
    for kind in KINDS:
        if kind in rows:
            values = F.cosine_similarity(rows["plain"], rows[kind])
        else:
            there = others[kind] >= 0
            values = F.cosine_similarity(rows["plain"][there], rows["plain"][others[kind][there]])
        found[kind] = float(values.mean()) if len(values) else float("nan")
    return found

"""How far features have moved from those of the pretrained network."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from handshape.data.images.prepared import PreparedImages, read_batch
from handshape.models.backbones.layers import layers_of, outputs_of
from handshape.models.backbones.registry import Backbone

MOST = 96
"""Photos compared; similarities of a few dozen are steady."""
_BATCH, _PLACES = 16, 2


def linear_cka(first: Tensor, second: Tensor) -> float:
    """Return linear centred kernel alignment: 1 for features that are turned or scaled only, 0 for unrelated.

    Args:
        first: (N, D) float.
        second: (N, E) float, of the same photos.

    Source: Kornblith et al., Similarity of Neural Network Representations Revisited, ICML 2019.
    """
    # N x N products, for there are fewer photos than features.
    one, two = ((rows - rows.mean(dim=0)).double() for rows in (first, second))
    one, two = one @ one.T, two @ two.T
    scale = float(one.norm() * two.norm())
    return float((one * two).sum()) / scale if scale else 1.0


def measure_drift(
    pretrained: Backbone, tuned: Backbone, images: PreparedImages, indices: NDArray[np.int64]
) -> dict[str, float]:
    """Compare two networks of the same build, layer by layer.

    Args:
        pretrained: As it was.
        tuned: As it became.
        images: Prepared images.
        indices: (n,) which of them; at most 96 are taken, evenly.

    Returns:
        Linear CKA of each layer's features at 2 x 2 places, by the layer's name.
    """
    chosen = indices[np.unique(np.linspace(0, len(indices) - 1, MOST).round().astype(np.int64))]
    seen, now = (_features(backbone, images, chosen) for backbone in (pretrained, tuned))
    return {name: linear_cka(seen[name], now[name]) for name in seen}


def _features(backbone: Backbone, images: PreparedImages, chosen: NDArray[np.int64]) -> dict[str, Tensor]:
    place = next(backbone.parameters()).device
    layers = layers_of(backbone)
    rows: dict[str, list[Tensor]] = {layer.name: [] for layer in layers}
    with torch.inference_mode(), outputs_of([layer.module for layer in layers]) as found:
        for start in range(0, len(chosen), _BATCH):
            pixels = torch.from_numpy(read_batch(images, chosen[start : start + _BATCH])).to(place)
            backbone(backbone.preprocessing.normalise(pixels))
            for layer in layers:
                small = F.adaptive_avg_pool2d(found[layer.module].float(), _PLACES)
                rows[layer.name].append(small.flatten(1).cpu())
    return {name: torch.cat(parts) for name, parts in rows.items()}

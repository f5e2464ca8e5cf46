"""How similar the features of a photo and of its mirror image are, layer by layer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from handshape.data.images import prepared
from handshape.evaluation.report import plots
from handshape.evaluation.report.plots import INK, RIGHT, WRONG
from handshape.models.backbones.layers import layers_of, outputs_of
from handshape.studies.page import PageImage
from handshape.studies.steps import GRID, StudyData

# Similarities are means over so many photos, spread evenly over the data set.
_COMPARED = 64
# The small shift that mirroring is compared with, as a share of the photo's width.
_SHIFT = 0.05
# What a photo is compared with; the mirror image's feature map "turned back" equals the photo's own in a
# network that responds to left and right alike. Colour, line and marker of each.
_COMPARISONS: dict[str, tuple[str, str, str, str | None]] = {
    "shifted": ("shifted by 5 %", INK, ":", "s"),
    "mirrored": ("mirrored", WRONG, "-", "o"),
    "turned back": ("mirrored, map turned back", WRONG, "--", None),
    "same label": ("other photo, same label", RIGHT, "-", "^"),
    "other label": ("other label", RIGHT, "--", None),
}


def measure_similarity(data: StudyData) -> list[dict[str, Any]]:
    """Compare photos with their mirror images and with other photos, layer by layer.

    Similarity is the cosine of two feature vectors after the mean over all photos and mirror images was
    subtracted: what all photos share does not count.

    Args:
        data: The photos and the backbone.

    Returns:
        Rows of ``layer``, ``places`` and ``means``: the mean similarity of each comparison, NaN without a
        pair. Pixels first, then all layers, first averaged to one place and then to 4 x 4.
    """
    chosen = np.unique(np.linspace(0, len(data.classes) - 1, _COMPARED).round().astype(np.int64))
    partners = _choose_partners(data, chosen)
    backbone = data.backbone.to(data.device)
    layers = layers_of(backbone)
    maps: dict[tuple[int, str], dict[str, list[Tensor]]] = {
        (places, name): {"plain": [], "shifted": [], "mirrored": []}
        for places in (1, GRID)
        for name in ("pixels", *(layer.name for layer in layers))
    }
    with torch.inference_mode(), outputs_of([layer.module for layer in layers]) as outputs:
        for batch in np.split(chosen, range(16, len(chosen), 16)):
            pixels = torch.from_numpy(prepared.read_batch(data.images, batch))
            columns = (torch.arange(pixels.shape[2]) - round(_SHIFT * pixels.shape[2])).clamp(min=0)
            views = {"plain": pixels, "shifted": pixels[:, :, columns], "mirrored": pixels.flip(2)}
            for view, seen in views.items():
                images = backbone.preprocessing.normalise(seen.to(data.device))
                backbone(images)
                found = {"pixels": images, **{layer.name: outputs[layer.module] for layer in layers}}
                for (places, name), rows in maps.items():
                    rows[view].append(F.adaptive_avg_pool2d(found[name].float(), places).cpu())
    return [
        {"layer": name, "places": places, "means": _similarities(rows, partners)}
        for (places, name), rows in maps.items()
    ]


def _choose_partners(data: StudyData, chosen: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """Return for each chosen photo another of its label and one of another label; -1 where there is none."""
    classes = data.classes[chosen]
    # Without known signers, photos of other bursts are the best there is.
    known = any(data.signers)
    groups = np.array([data.signers[i] or "" for i in chosen]) if known else data.report.bursts[chosen]
    rng = np.random.default_rng(data.seed)
    partners = np.full((2, len(chosen)), -1)
    for row in range(len(chosen)):
        same = (classes == classes[row]) & (groups != groups[row])
        for kind, fits in enumerate((same, classes != classes[row])):
            if fits.any():
                partners[kind, row] = rng.choice(np.flatnonzero(fits))
    return {"same label": partners[0], "other label": partners[1]}


def _similarities(
    maps: Mapping[str, list[Tensor]], partners: Mapping[str, NDArray[np.int64]]
) -> dict[str, float]:
    views = {view: torch.cat(parts) for view, parts in maps.items()}
    views["turned back"] = views["mirrored"].flip(3)
    mean = torch.cat([views["plain"], views["mirrored"]]).mean(dim=0)
    rows = {view: torch.flatten(values - mean, 1).double() for view, values in views.items()}
    pairs = {view: (rows["plain"], rows[view]) for view in rows}
    for kind, other in partners.items():
        pairs[kind] = (rows["plain"][other >= 0], rows["plain"][other[other >= 0]])
    # The mean of no pair is NaN.
    return {kind: float(F.cosine_similarity(*pairs[kind]).mean()) for kind in _COMPARISONS}


def plot_similarity(layers: Sequence[Mapping[str, Any]], places: int) -> PageImage:
    """Draw what `measure_similarity` found, by layer."""
    rows = [layer["means"] for layer in layers if layer["places"] == places]
    where = "4 x 4 places: what is in the photo, and where"
    caption = where if places == GRID else "Averaged over all places: what is in the photo"
    drawing, axes = plots.new_plot(3.6, "layer, from the input", "similarity")
    for kind, (name, colour, line, marker) in _COMPARISONS.items():
        values = [float("nan") if means[kind] is None else means[kind] for means in rows]
        axes.plot(values, color=colour, ls=line, marker=marker, ms=3.5, lw=1.5, label=name)
    axes.set_xticks(range(len(rows)), ["pixels", *map(str, range(1, len(rows)))])
    axes.set_ylim(min(-0.25, *axes.get_ylim()), 1.03)
    plots.add_legend(drawing, loc="outside lower center", ncols=2)
    words = f"Similarity of photos by layer, from the pixels to the last of {len(rows) - 1} layers."
    return PageImage(f"similarity-{places}x{places}", caption, drawing, words)

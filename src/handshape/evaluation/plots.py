"""Plots of a run, as SVG that takes its text colour from the page it stands on."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from handshape.training.history import Epoch

# Okabe and Ito's palette: told apart by people with any colour vision.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
# A colour that nothing else has, replaced in the SVG by the colour of the text around it.
_INK = "#010203"
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "handshape",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "legend.frameon": False,
}


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure in the house style, sizes in inches."""
    with matplotlib.rc_context(_STYLE):
        return Figure(figsize=(width, height), layout="constrained")


def to_svg(figure: Figure) -> str:
    """Return a figure as an SVG element, the same bytes for the same figure."""
    buffer = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :].replace(_INK, "currentColor")


def write_svg(path: Path, svg: str) -> None:
    """Write an SVG element as a file of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'<?xml version="1.0" encoding="utf-8"?>\n{svg}', encoding="utf-8")


def learning_curves(histories: dict[str, Sequence[Epoch]]) -> str:
    """Draw loss and accuracy over the passes through the training images, all models over each other.

    Args:
        histories: Epochs by the name of the model.

    Returns:
        An SVG element with two panels.
    """
    with matplotlib.rc_context(_STYLE):
        figure = new_figure(9, 3.4)
        loss, accuracy = figure.subplots(1, 2)
        for colour, (name, epochs) in zip(PALETTE, histories.items(), strict=False):
            at = [epoch.epoch for epoch in epochs]
            mark = "o" if len(at) <= 20 else None
            loss.plot(at, [e.loss for e in epochs], color=colour, marker=mark, ms=3, label=f"{name}, train")
            accuracy.plot(
                at, [100 * e.train_accuracy for e in epochs], color=colour, ls="--", label=f"{name}, train"
            )
            accuracy.plot(
                at,
                [100 * e.valid_accuracy for e in epochs],
                color=colour,
                marker=mark,
                ms=3,
                label=f"{name}, valid",
            )
        for axes, label in ((loss, "cross-entropy (nats)"), (accuracy, "read right (%)")):
            axes.set_xlabel("pass over the training photos")
            axes.set_ylabel(label)
            axes.set_xscale("log" if max(len(e) for e in histories.values()) > 20 else "linear")
            axes.grid(alpha=0.2)
            axes.legend(fontsize=8)
        loss.set_ylim(bottom=0)
        accuracy.set_ylim(0, 101)
        return to_svg(figure)


def confusion(matrix: NDArray[np.int64], labels: Sequence[str]) -> str:
    """Draw a confusion matrix; every non-zero count is written into its square.

    Args:
        matrix: (K, K) counts, true label by row.
        labels: K labels.

    Returns:
        An SVG element.
    """
    side = float(np.clip(0.34 * len(labels) + 1.2, 3.2, 9.5))
    with matplotlib.rc_context(_STYLE):
        figure = new_figure(side, side)
        axes = figure.subplots()
        share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        axes.imshow(np.sqrt(share), cmap=_blues(), vmin=0, vmax=1)
        small = 8 if len(labels) <= 12 else 6
        for row, column in zip(*np.nonzero(matrix), strict=True):
            colour = "white" if share[row, column] > 0.4 else _INK
            axes.text(
                column, row, str(matrix[row, column]), ha="center", va="center", fontsize=small, color=colour
            )
        axes.set_xticks(range(len(labels)), labels, rotation=90 if max(map(len, labels)) > 2 else 0)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_xlabel("read as")
        axes.set_ylabel("is")
        return to_svg(figure)


def _blues() -> matplotlib.colors.Colormap:
    # From nothing at all to the first colour of the palette, so that empty squares show the page.
    return matplotlib.colors.LinearSegmentedColormap.from_list(
        "ink", [(0, 0.447, 0.698, 0), (0, 0.447, 0.698, 1)]
    )

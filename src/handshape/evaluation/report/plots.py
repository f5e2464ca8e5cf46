"""Plots of a run, as SVG that takes its text colour from the page it stands on.

They are narrow, so that their words can still be read on a phone, and each names itself for screen readers.
"""

import io
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from handshape.training.history import Epoch

# Blue and vermilion of Okabe and Ito's palette: told apart by people with any colour vision.
RIGHT, WRONG = "#0072b2", "#d55e00"
# Inches; hardly wider than a phone, so that words stay near the size they are set in.
WIDTH = 4.0
LONGEST = 14
# A colour that nothing else has, replaced in the SVG by the colour of the text around it.
INK = "#010203"
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "handshape",
    "font.family": "sans-serif",
    "font.size": 10,
    # A label is shown as it is written, dollars too.
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "grid.color": INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": 9,
}
_ALONE = (
    "<style>svg{color:#1b1f24;background:#fff}"
    "@media(prefers-color-scheme:dark){svg{color:#e8ebef;background:#14171a}}</style>"
)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure in the house style, sizes in inches."""
    with matplotlib.rc_context(STYLE):
        return Figure(figsize=(width, height), layout="constrained")


def to_svg(figure: Figure, name: str, words: str) -> str:
    """Return a figure as an SVG element, the same bytes for the same figure.

    Args:
        figure: To be drawn.
        name: Put before the ids within, so that two plots on a page share none.
        words: What the plot shows, for those who do not see it.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # The reader's browser brings the fonts: what matplotlib's own one lacks does not matter.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        dots = figure.dpi
        _lay_out(figure)
        figure.savefig(
            buffer, format="svg", dpi=dots, transparent=True, metadata={"Date": None, "Creator": None}
        )
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    prefix = re.sub(r"[^\w-]", "_", name) + "-"
    text = re.sub(r'(\bid="|url\(#|href="#)', lambda found: found[1] + prefix, text)
    text = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", text)
    return text.replace("<svg", f"<svg role={quoteattr('img')} aria-label={quoteattr(words)}", 1)


def _lay_out(figure: Figure) -> None:
    """Put everything in its place once; left to do that, saving would draw it all once more to no end."""
    FigureCanvasSVG(figure)  # it measures words as they will be drawn
    engine = figure.get_layout_engine()
    if figure.axes and engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)


def write_svg(path: Path, svg: str) -> None:
    """Write an SVG element as a file of its own, with colours of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    start = svg.index(">") + 1
    text = f'<?xml version="1.0" encoding="utf-8"?>\n{svg[:start]}{_ALONE}{svg[start:]}'
    path.write_text(text, encoding="utf-8")


def shortened(text: str, longest: int = LONGEST) -> str:
    """Return a name as a plot shows it, cut where it is too long."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def learning_curves(name: str, epochs: Sequence[Epoch], step: str) -> str:
    """Draw loss and accuracy over the passes through the training images, one above the other.

    Args:
        name: Of the model.
        epochs: Its history.
        step: What one row of the history is, in words.

    Returns:
        An SVG element with two panels.
    """
    with matplotlib.rc_context(STYLE):
        figure = new_figure(WIDTH, 4.4)
        loss, accuracy = figure.subplots(2, 1, sharex=True)
        at = [epoch.epoch for epoch in epochs]
        mark = "o" if len(at) <= 30 else None
        look: dict[str, Any] = {"marker": mark, "ms": 3.5, "lw": 1.6}
        loss.plot(at, [e.loss for e in epochs], color=WRONG, ls="--", label="train", **look)
        accuracy.plot(at, [100 * e.train_accuracy for e in epochs], color=WRONG, ls="--", **look)
        accuracy.plot(at, [100 * e.valid_accuracy for e in epochs], color=RIGHT, label="valid", **look)
        loss.set_ylabel("loss (nats)")
        accuracy.set_ylabel("read right (%)")
        accuracy.set_xlabel(step)
        accuracy.xaxis.get_major_locator().set_params(integer=True)
        loss.set_ylim(bottom=0)
        accuracy.set_ylim(0, 103)
        for axes in (loss, accuracy):
            axes.grid(axis="y")
        figure.legend(loc="outside upper right", ncols=2)
        words = (
            f"Loss and accuracy of {name}, {len(at)} steps; "
            f"valid ends at {100 * epochs[-1].valid_accuracy:.1f} % read right."
        )
        return to_svg(figure, f"learning-{name}", words)


def confusion(name: str, matrix: NDArray[np.int64], labels: Sequence[str]) -> str:
    """Draw a confusion matrix: every count but zero is written into its square, mistakes in bold.

    Args:
        name: Of the model, for the ids within.
        matrix: (K, K) counts, true label by row.
        labels: K labels.

    Returns:
        An SVG element.
    """
    longest = max(len(shortened(label)) for label in labels)
    side = float(np.clip(0.3 * len(labels) + 0.9 + 0.07 * longest, 2.6, 9.5))
    with matplotlib.rc_context(STYLE):
        figure = new_figure(side, side)
        axes = figure.subplots()
        share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        for row, column in zip(*(places.tolist() for places in np.nonzero(matrix)), strict=True):
            wrong = row != column
            # Never so dark that the ink of either colour scheme could not be read on it.
            depth = 0.2 + 0.4 * float(np.sqrt(share[row, column]))
            axes.add_patch(
                Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, color=WRONG if wrong else RIGHT,
                          alpha=depth, lw=0)
            )  # fmt: skip
            axes.text(
                column, row, str(matrix[row, column]), ha="center", va="center",
                fontsize=9 if len(labels) <= 12 else 7.5, weight="bold" if wrong else "normal",
            )  # fmt: skip
        names = [shortened(label) for label in labels]
        axes.set_xticks(range(len(labels)), names, rotation=90 if longest > 2 else 0)
        axes.set_yticks(range(len(labels)), names)
        axes.set_xlim(-0.5, len(labels) - 0.5)
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("read as")
        axes.set_ylabel("is")
        right, total = int(np.trace(matrix)), int(matrix.sum())
        words = f"Confusion matrix of {name}: {right} of {total} photos on the diagonal, read right."
        return to_svg(figure, f"confusion-{name}", words)

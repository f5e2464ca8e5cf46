"""Plots of a run, as SVG elements with the text colour of the page around them.

They are narrow enough for a phone, and have a description for screen readers.
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
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from handshape.training.history import Epoch

# Blue and vermilion of Okabe and Ito's palette, which people with any colour vision can tell apart.
RIGHT, WRONG = "#0072b2", "#d55e00"
# Inches; hardly wider than a phone, so that text keeps its size.
PLOT_WIDTH = 4.0
LONGEST = 14
# Labels of a confusion matrix that can be named at its sides.
_MOST_NAMED = 40
# An unused colour, which is replaced in the SVG by the colour of the text around it.
INK = "#010203"
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "handshape",
    "font.family": "sans-serif",
    "font.size": 10,
    # Labels may contain dollar signs.
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


class NotebookFigure(Figure):
    """A figure that notebooks show without further ado."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        with matplotlib.rc_context(STYLE):
            self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure in the report's style, sizes in inches."""
    with matplotlib.rc_context(STYLE):
        return NotebookFigure(figsize=(width, height), layout="constrained")


def new_plot(height: float, xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    """Return an empty plot in the report's style, with a grid; height in inches."""
    with matplotlib.rc_context(STYLE):
        figure = new_figure(PLOT_WIDTH, height)
        axes = figure.subplots()
        axes.set(xlabel=xlabel, ylabel=ylabel)
        axes.grid()
    return figure, axes


def add_legend(figure: Figure, **place: Any) -> None:
    """Add a legend in the report's style, placed as matplotlib's `Figure.legend` takes it."""
    with matplotlib.rc_context(STYLE):
        figure.legend(**place)


def to_svg(figure: Figure, name: str, words: str) -> str:
    """Return a figure as an SVG element, the same bytes for the same figure.

    Args:
        figure: The figure.
        name: Prefix of all ids, so that they are unique on the page.
        words: Description for screen readers.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # The browser's fonts are used, so glyphs that matplotlib's font lacks do not matter.
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
    """Lay the figure out once; otherwise saving would draw everything twice."""
    FigureCanvasSVG(figure)  # for text sizes
    engine = figure.get_layout_engine()
    if figure.axes and engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)


def write_svg(path: Path, svg: str) -> None:
    """Write an SVG element as a file with its own colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    start = svg.index(">") + 1
    text = f'<?xml version="1.0" encoding="utf-8"?>\n{svg[:start]}{_ALONE}{svg[start:]}'
    path.write_text(text, encoding="utf-8")


def shortened(text: str, longest: int = LONGEST) -> str:
    """Return a name, cut where it is too long for a plot."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def learning_curves(name: str, epochs: Sequence[Epoch], step: str) -> str:
    """Draw loss and accuracy of each row of a history, one above the other, as an SVG element.

    Args:
        name: Name of the model.
        epochs: Its history.
        step: What a row of the history is, for the axis.
    """
    words = (
        f"Loss and accuracy of {name}, {len(epochs)} steps; "
        f"the validation accuracy ends at {100 * epochs[-1].valid_accuracy:.1f} %."
    )
    return to_svg(draw_learning_curves(epochs, step), f"learning-{name}", words)


def draw_learning_curves(epochs: Sequence[Epoch], step: str) -> Figure:
    """Draw what `learning_curves` shows."""
    with matplotlib.rc_context(STYLE):
        figure = new_figure(PLOT_WIDTH, 4.4)
        loss, accuracy = figure.subplots(2, 1, sharex=True)
        at = [epoch.epoch for epoch in epochs]
        mark = "o" if len(at) <= 30 else None
        look: dict[str, Any] = {"marker": mark, "ms": 3.5, "lw": 1.6}
        loss.plot(at, [e.loss for e in epochs], color=WRONG, ls="--", label="training", **look)
        accuracy.plot(at, [100 * e.train_accuracy for e in epochs], color=WRONG, ls="--", **look)
        accuracy.plot(at, [100 * e.valid_accuracy for e in epochs], color=RIGHT, label="validation", **look)
        loss.set_ylabel("loss (nats)")
        accuracy.set_ylabel("accuracy (%)")
        accuracy.set_xlabel(step)
        accuracy.xaxis.get_major_locator().set_params(integer=True)
        loss.set_ylim(bottom=0)
        accuracy.set_ylim(0, 103)
        for axes in (loss, accuracy):
            axes.grid(axis="y")
        figure.legend(loc="outside upper right", ncols=2)
        return figure


def confusion(name: str, matrix: NDArray[np.int64], labels: Sequence[str]) -> str:
    """Draw a confusion matrix, (K, K) counts with the true label by row, as an SVG element.

    With more labels than can be named side by side, squares alone show where mistakes are.
    """
    correct, total = int(np.trace(matrix)), int(matrix.sum())
    words = f"Confusion matrix of {name}: {correct} of {total} photos on the diagonal, predicted correctly."
    return to_svg(draw_confusion(matrix, labels), f"confusion-{name}", words)


def draw_confusion(matrix: NDArray[np.int64], labels: Sequence[str]) -> Figure:
    """Draw what `confusion` shows."""
    named = len(labels) <= _MOST_NAMED
    longest = max(len(shortened(label)) for label in labels)
    side = float(np.clip(0.3 * len(labels) + 0.9 + 0.07 * longest, 2.6, 9.5))
    with matplotlib.rc_context(STYLE):
        figure = new_figure(side, side)
        axes = figure.subplots()
        share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        for row, column in zip(*(places.tolist() for places in np.nonzero(matrix)), strict=True):
            wrong = row != column
            # Light enough for the text of both colour schemes.
            depth = 0.2 + (0.4 if named else 0.8) * float(np.sqrt(share[row, column]))
            axes.add_patch(
                Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, color=WRONG if wrong else RIGHT,
                          alpha=depth, lw=0)
            )  # fmt: skip
            if named:
                axes.text(
                    column, row, str(matrix[row, column]), ha="center", va="center",
                    fontsize=9 if len(labels) <= 12 else 7.5, weight="bold" if wrong else "normal",
                )  # fmt: skip
        names = [shortened(label) for label in labels] if named else []
        axes.set_xticks(range(len(names)), names, rotation=90 if longest > 2 else 0)
        axes.set_yticks(range(len(names)), names)
        axes.set_xlim(-0.5, len(labels) - 0.5)
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        order = "" if named else f", {len(labels)} labels in order; the tables name them"
        axes.set_xlabel(f"predicted{order}")
        axes.set_ylabel("true")
        return figure

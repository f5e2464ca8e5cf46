"""Plots of metrics: reliability diagram, and coverage."""

from typing import Any

from matplotlib.figure import Figure

from handshape.data.dataset import GroupKind
from handshape.evaluation.calibration import Calibration, Reliability
from handshape.evaluation.rejection import CoverageCurve, Rejection
from handshape.evaluation.report.plots import INK, RIGHT, WRONG, add_legend, new_plot, to_svg


def reliability(
    name: str, calibration: Calibration, folds: Reliability | None, kind: GroupKind = "signer"
) -> str:
    """Draw the accuracy against the probability, before and after temperature scaling, as an SVG element."""
    before, after = calibration.before, calibration.after
    words = (
        f"Reliability diagram of {name}: calibration error {before.ece:.3f} before temperature scaling "
        f"and {after.ece:.3f} after."
    )
    return to_svg(draw_reliability(after, before, folds, kind), f"reliability-{name}", words)


def draw_reliability(
    after: Reliability,
    before: Reliability | None = None,
    folds: Reliability | None = None,
    kind: GroupKind = "signer",
) -> Figure:
    """Draw what `reliability` shows; before temperature scaling where that was measured."""
    figure, axes = new_plot(4.4, "probability (%)", "accuracy (%)")
    axes.plot([0, 100], [0, 100], color=INK, lw=0.8, ls=":", label="perfect calibration")
    if before:
        _dots(axes, before, f"test, before scaling: ECE {before.ece:.3f}", WRONG, "s", hollow=True)
    _dots(axes, after, f"test, after scaling: ECE {after.ece:.3f}", RIGHT, "o", hollow=folds is not None)
    if folds:
        _dots(axes, folds, f"{kind}s left out, after scaling: ECE {folds.ece:.3f}", RIGHT, "D")
    axes.set(xlim=(0, 104), ylim=(-3, 104))
    add_legend(figure, loc="outside upper left")
    return figure


def coverage(name: str, rejection: Rejection, folds: CoverageCurve | None, kind: GroupKind = "signer") -> str:
    """Draw the accuracy on the answered photos against the coverage, as an SVG element."""
    words = (
        f"Accuracy of {name} against coverage: {100 * rejection.curve.accuracy[-1]:.1f} % on all test "
        "photos, "
        f"{100 * rejection.curve.accuracy_at_90:.1f} % on the 90 % with the highest probability."
    )
    return to_svg(draw_coverage(rejection, folds, kind), f"coverage-{name}", words)


def draw_coverage(
    rejection: Rejection, folds: CoverageCurve | None = None, kind: GroupKind = "signer"
) -> Figure:
    """Draw what `coverage` shows."""
    curves = [rejection.curve, *([folds] if folds else [])]
    least = min(min(curve.accuracy) for curve in curves)
    figure, axes = new_plot(4.4, "photos answered (%)", "accuracy on them (%)")
    axes.plot(*_percent(rejection.curve), color=RIGHT, lw=1.8, label="test photos")
    if folds:
        axes.plot(*_percent(folds), color=WRONG, lw=1.6, ls="--", label=f"every {kind} left out once")
    if rejection.answered_accuracy is not None:
        chosen = 100 * rejection.coverage, 100 * rejection.answered_accuracy
        axes.plot(*chosen, ls="", marker="D", ms=7, mfc="none", mec=INK, mew=1.5,
                  label=f"chosen threshold, {rejection.threshold:.2f}")  # fmt: skip
    # At least a fifth of the scale, so that a flat line looks flat.
    low = min(80.0, max(0.0, 100 * least - 0.6 * (100 - 100 * least) - 4))
    axes.set(xlim=(0, 102), ylim=(low, 100 + 0.06 * (100 - low)))
    add_legend(figure, loc="outside upper left")
    return figure


def _dots(
    axes: Any, measured: Reliability, label: str, colour: str, mark: str, *, hollow: bool = False
) -> None:
    """Draw a dot for each bin; its area grows with the number of photos."""
    bins: Any = [one for one in measured.bins if one.count]
    total = sum(one.count for one in bins)
    axes.scatter(
        [100 * one.confidence for one in bins],
        [100 * one.accuracy for one in bins],
        s=[12 + 160 * one.count / total for one in bins],
        marker=mark,
        facecolors="none" if hollow else colour,
        edgecolors=colour,
        linewidths=1.2,
        alpha=1 if hollow else 0.8,
    )
    axes.scatter([], [], s=24, marker=mark, facecolors="none" if hollow else colour, edgecolors=colour,
                 linewidths=1.2, label=label)  # fmt: skip


def _percent(curve: CoverageCurve) -> tuple[list[float], list[float]]:
    return [100 * share for share in curve.coverage], [100 * share for share in curve.accuracy]

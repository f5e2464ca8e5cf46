"""The plots of a result, as matplotlib figures."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from handshape.evaluation.calibration import Reliability
from handshape.evaluation.evaluation import Evaluation, FitEvaluation
from handshape.evaluation.metrics import Metrics
from handshape.evaluation.report.metric_plots import draw_coverage, draw_reliability
from handshape.evaluation.report.plots import (
    RIGHT,
    draw_confusion,
    draw_learning_curves,
    new_plot,
    shortened,
)
from handshape.evaluation.report.sections import step_of


class EvaluationPlots:
    """Plots of predictions on photos; a report has them as ``report.plot``.

    Args:
        evaluation: The predictions and their metrics.
        metrics: Metrics to show in the confusion matrix; by default those of the evaluation.

    Examples:
        >>> report = handshape.evaluate("runs/first", "photos", include_known=True)
        >>> report.plot.confusion().savefig("confusion.png")
    """

    def __init__(self, evaluation: Evaluation, metrics: Metrics | None = None) -> None:
        self._evaluation, self._metrics = evaluation, metrics or evaluation.metrics

    def confusion(self) -> Figure:
        """Draw the confusion matrix: true labels by row, predicted ones by column."""
        return _shown(draw_confusion(np.array(self._metrics.confusion), tuple(self._metrics.labels)))

    def reliability(self) -> Figure:
        """Draw the accuracy against the probability."""
        before: Reliability | None = None
        if isinstance(self._evaluation, FitEvaluation):
            before = self._evaluation.calibration.before
        return _shown(draw_reliability(self._evaluation.reliability, before))

    def coverage(self) -> Figure:
        """Draw the accuracy on the answered photos against their share."""
        return _shown(draw_coverage(self._evaluation.rejection))


class TrainingPlots(EvaluationPlots):
    """Plots of a trained model; a result has them as ``result.plot``.

    Args:
        evaluation: Its predictions on the test photos.
        metrics: Metrics to show in the confusion matrix; by default those of the evaluation.

    Examples:
        >>> figure = handshape.train("photos", model="landmarks").plot.learning_curves()
    """

    def __init__(self, evaluation: FitEvaluation, metrics: Metrics | None = None) -> None:
        super().__init__(evaluation, metrics)
        self._fit = evaluation

    def learning_curves(self) -> Figure:
        """Draw loss and accuracy, epoch by epoch or for each shrinkage."""
        return _shown(draw_learning_curves(self._fit.fitted.history, step_of(self._fit)))


class ComparisonPlots(TrainingPlots):
    """Plots of a comparison: those of the saved model, and the accuracy of all; see ``report.plot``.

    Args:
        evaluation: The saved model's predictions on the test photos.
        metrics: Metrics to show in the confusion matrix; by default those of the evaluation.
        accuracies: Accuracy and 95 % interval of each model.

    Examples:
        >>> figure = handshape.compare("photos", models="cnn,landmarks", epochs=1).plot.accuracy()
    """

    def __init__(
        self,
        evaluation: FitEvaluation,
        metrics: Metrics | None,
        accuracies: Mapping[str, tuple[float, tuple[float, float]]],
    ) -> None:
        super().__init__(evaluation, metrics)
        self._accuracies = accuracies

    def accuracy(self) -> Figure:
        """Draw the accuracy of each model with its 95 % interval."""
        figure, axes = new_plot(0.9 + 0.45 * len(self._accuracies), "accuracy (%)", "")
        for row, (accuracy, (low, high)) in enumerate(self._accuracies.values()):
            axes.plot([100 * low, 100 * high], [row, row], color=RIGHT, lw=1.6)
            axes.plot(100 * accuracy, row, "o", color=RIGHT)
        axes.set_yticks(range(len(self._accuracies)), [shortened(name) for name in self._accuracies])
        axes.set(xlim=(0, 102), ylim=(len(self._accuracies) - 0.5, -0.5))
        return _shown(figure)


def _shown(figure: Figure) -> Figure:
    """Return a figure on a white ground."""
    figure.set_facecolor("white")
    return figure

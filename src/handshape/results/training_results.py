"""The results of `train` and `compare`."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handshape.data.frames import new_frame
from handshape.evaluation.evaluation import FitEvaluation
from handshape.evaluation.experiment import Experiment
from handshape.evaluation.report.headline import find_headline
from handshape.notebook import html_table, in_percent, paragraph, percents
from handshape.recogniser import Recogniser, load
from handshape.results.result import Result, ends
from handshape.results.result_plots import ComparisonPlots, TrainingPlots

if TYPE_CHECKING:
    import pandas


class TrainResult(Result):
    """A trained model, measured; what `train` returns.

    Attributes:
        answer: The most important accuracy in a sentence.
        accuracy: Share of test photos that were classified correctly, in [0, 1]; with folds, the mean over
            the signers or sources that were left out once.
        interval: Its 95 % interval, two numbers in [0, 1].
        out: Folder of the run.
        dataset: The photos, each with its split.

    Args:
        experiment: The model and its metrics.
        metrics: The content of ``metrics.json``.
        out: Folder of the run.

    Examples:
        >>> result = handshape.train("photos", model="landmarks", out="runs/landmarks", force=True)
        >>> 0 <= result.interval[0] <= result.accuracy <= result.interval[1] <= 1
        True
        >>> result.recogniser.labels
        ('A', 'B', 'C')
        >>> list(result.confusion.columns)
        ['A', 'B', 'C']
        >>> result.report_path.name
        'report.html'
    """

    def __init__(self, experiment: Experiment, metrics: Mapping[str, Any], out: Path) -> None:
        headline = find_headline(experiment)
        best = experiment.best
        super().__init__(
            metrics["answer"],
            headline.accuracy,
            ends(headline.interval),
            best,
            headline.metrics,
            metrics,
            out,
        )
        self.dataset = experiment.data_report.split.dataset
        self._best = best

    @cached_property
    def recogniser(self) -> Recogniser:
        """The recogniser that was saved."""
        assert self.out is not None  # training always writes its run
        return load(self.out)

    @property
    def plot(self) -> TrainingPlots:
        """Plots, as matplotlib figures."""
        return TrainingPlots(self._best, self._metrics)

    @property
    def history(self) -> "pandas.DataFrame":
        """One row per epoch or shrinkage: loss in nats, accuracies, seconds; needs pandas."""
        columns = ("epoch", "loss", "train_accuracy", "valid_accuracy", "seconds")
        rows = [[getattr(one, name) for name in columns] for one in self._best.fitted.history]
        return new_frame(rows, columns)


class ComparisonReport(TrainResult):
    """Models on one split, measured, and the one that was saved; what `compare` returns.

    Accuracy, interval, confusion, mistakes and plots are those of the saved model.

    Attributes:
        best: Name of the model that was saved.
        best_because: Why it was saved, in a sentence.
        models: The evaluation of each model on the test photos, by name.

    Args:
        experiment: The models and their metrics.
        metrics: The content of ``metrics.json``.
        out: Folder of the run.

    Examples:
        >>> report = handshape.compare("photos", models="cnn,landmarks", epochs=1)
        >>> list(report.to_frame().index)
        ['cnn', 'landmarks']
        >>> report.best in report.models
        True
    """

    def __init__(self, experiment: Experiment, metrics: Mapping[str, Any], out: Path) -> None:
        super().__init__(experiment, metrics, out)
        self.best, self.best_because = metrics["best"], metrics["best_because"]
        self.models: dict[str, FitEvaluation] = {one.fitted.name: one for one in experiment.results}

    @property
    def plot(self) -> ComparisonPlots:
        """Plots, as matplotlib figures."""
        pairs = {name: (one.accuracy, ends(one.interval)) for name, one in self.models.items()}
        return ComparisonPlots(self._best, self._metrics, pairs)

    def to_frame(self) -> "pandas.DataFrame":
        """Return accuracies, interval, seconds and trained parameters of each model; needs pandas."""
        columns = ("valid_accuracy", "test_accuracy", "low", "high", "seconds", "trained_parameters")
        rows = [
            [
                one.fitted.valid_accuracy,
                one.accuracy,
                *ends(one.interval),
                one.fitted.seconds["total"],
                one.fitted.trained_parameters,
            ]
            for one in self.models.values()
        ]
        return new_frame(rows, columns, tuple(self.models))

    def _described(self) -> str:
        return f"{', '.join(self.models)}; saved: {self.best}"

    def _table(self) -> str:
        rows = [
            (
                name,
                in_percent(one.fitted.valid_accuracy),
                in_percent(one.accuracy),
                percents(ends(one.interval)),
                f"{one.fitted.seconds['total']:.1f} s",
            )
            for name, one in self.models.items()
        ]
        heads = ("model", "validation", "test", "95 % interval", "time")
        return html_table(heads, rows) + paragraph(f"Saved: {self.best}. {self.best_because}")

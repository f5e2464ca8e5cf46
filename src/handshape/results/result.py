"""What every result of measuring a model has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from handshape.data.frames import new_frame
from handshape.data.sample import Sample
from handshape.evaluation.evaluation import Evaluation, worst_mistakes
from handshape.evaluation.intervals.accuracy import Interval
from handshape.evaluation.metrics import Metrics
from handshape.notebook import html_table, in_percent, paragraph, percents
from handshape.recogniser import Recogniser
from handshape.results.photo_html import photos
from handshape.results.result_plots import EvaluationPlots

if TYPE_CHECKING:
    import pandas

# Wrong predictions that a notebook shows, and labels in its table.
_PICTURES, _LABELS = 8, 10


@dataclass(frozen=True)
class WrongPrediction:
    """A photo that was classified wrongly.

    Args:
        sample: The photo, with its true label.
        predicted: The predicted label.
        probability: Of the predicted label, in [0, 1].

    Examples:
        >>> report = handshape.evaluate("runs/first", "photos", include_known=True)
        >>> for wrong in report.mistakes[:3]:
        ...     assert wrong.predicted != wrong.sample.label
    """

    sample: Sample
    predicted: str
    probability: float

    def image(self) -> Image.Image:
        """Read the photo; see `Sample.image`."""
        return self.sample.image()


class Result:
    """Base of the results of `train`, `compare` and `evaluate`.

    Args:
        answer: The most important accuracy in a sentence.
        accuracy: Share of photos that were classified correctly, in [0, 1].
        interval: Its 95 % interval.
        evaluation: Predictions on the tested photos.
        metrics: Metrics per label, signer and source; by default those of the evaluation.
        to_dict: The content of ``metrics.json``.
        out: Folder of the run, if one was written.
    """

    def __init__(
        self,
        answer: str,
        accuracy: float,
        interval: tuple[float, float],
        evaluation: Evaluation,
        metrics: Metrics | None,
        to_dict: Mapping[str, Any],
        out: Path | None,
    ) -> None:
        self.answer, self.accuracy, self.interval = answer, accuracy, interval
        self.evaluation, self.out = evaluation, out
        self._metrics, self._dict = metrics or evaluation.metrics, to_dict

    @property
    def recogniser(self) -> Recogniser:
        """The recogniser that was measured."""
        raise NotImplementedError

    @property
    def report_path(self) -> Path | None:
        """The report, a page that opens offline; None where no run was written."""
        return None if self.out is None else self.out / "report.html"

    @property
    def confusion(self) -> "pandas.DataFrame":
        """Numbers of photos: true labels by row, predicted ones by column; needs pandas."""
        labels = tuple(self._metrics.labels)
        return new_frame(self._metrics.confusion, labels, labels)

    @cached_property
    def mistakes(self) -> Sequence[WrongPrediction]:
        """Wrong predictions on the tested photos, the least probability for the true label first."""
        tested, rows = self.evaluation.tested, self.evaluation.probabilities
        predicted = self.evaluation.predicted
        return [
            WrongPrediction(tested.samples[i], tested.labels[predicted[i]], float(rows[i].max()))
            for i in worst_mistakes(rows, tested.classes)
        ]

    @property
    def plot(self) -> EvaluationPlots:
        """Plots, as matplotlib figures."""
        return EvaluationPlots(self.evaluation, self._metrics)

    def to_dict(self) -> dict[str, Any]:
        """Return all figures as JSON types, as ``--json`` prints them."""
        return dict(self._dict)

    def to_frame(self) -> "pandas.DataFrame":
        """Return precision, recall, F1 and number of photos of each label; needs pandas."""
        labels = self._metrics.labels
        columns = ("precision", "recall", "f1", "support")
        return new_frame([[getattr(one, name) for name in columns] for one in labels.values()], columns,
                         tuple(labels))  # fmt: skip

    def __repr__(self) -> str:
        name = type(self).__name__
        parts = [self._described(), f"accuracy {self.accuracy:.3f} ({percents(self.interval)})"]
        if self.report_path is not None:
            parts.append(str(self.report_path))
        return f"{name}({', '.join(parts)})"

    def _repr_html_(self) -> str:
        parts = [paragraph(f"{self.answer}."), self._table()]
        worst = self.mistakes[:_PICTURES]
        if worst:
            parts.append(paragraph(f"{len(self.mistakes)} photos were classified wrongly, the worst first:"))
            parts.append(photos((one.sample, _words(one)) for one in worst))
        if self.report_path is not None:
            parts.append(paragraph(f"Report: {self.report_path}"))
        return "".join(parts)

    def _described(self) -> str:
        return self.evaluation.model

    def _table(self) -> str:
        """Return the labels with the lowest recall as a table."""
        known = {name: one for name, one in self._metrics.labels.items() if one.recall is not None}
        weakest = sorted(known, key=lambda name: (known[name].recall or 0.0, name))[:_LABELS]
        rows = [
            (
                name,
                str(known[name].support),
                in_percent(known[name].recall),
                in_percent(known[name].precision),
            )
            for name in weakest
        ]
        title = "Labels" if len(known) <= _LABELS else f"The {_LABELS} labels with the lowest recall"
        return paragraph(title) + html_table(("label", "photos", "recall", "precision"), rows)


def ends(interval: Interval) -> tuple[float, float]:
    """Return the lower and the upper end of an interval."""
    return interval.low, interval.high


def _words(one: WrongPrediction) -> str:
    return f"{one.sample.label} predicted as {one.predicted}, {in_percent(one.probability)}"

"""The result of `evaluate`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handshape.evaluation.evaluation import Evaluation
from handshape.notebook import in_percent, percents
from handshape.recogniser import Recogniser
from handshape.results.result import Result, ends


class EvaluationReport(Result):
    """A recogniser, measured on photos; what `evaluate` returns.

    Attributes:
        answer: The accuracy in a sentence.
        accuracy: Share of the photos that were classified correctly, in [0, 1].
        interval: Its 95 % interval, two numbers in [0, 1].
        out: Folder of the report; None where none was asked for.
        recogniser: The recogniser that was measured.

    Args:
        evaluation: Its predictions.
        metrics: The content of ``metrics.json``.
        recogniser: The recogniser.
        out: Folder of the report, if one was written.

    Examples:
        >>> report = handshape.evaluate("runs/first", "photos", include_known=True)
        >>> report.evaluation.tested
        Dataset('photos', 72 photos, 3 labels (A, B, C))
        >>> int(report.confusion.to_numpy().sum())
        72
    """

    def __init__(
        self, evaluation: Evaluation, metrics: Mapping[str, Any], recogniser: Recogniser, out: Path | None
    ) -> None:
        interval = ends(evaluation.interval)
        photos = f"{evaluation.metrics.n:,} photos"
        answer = f"{in_percent(evaluation.accuracy)} of {photos} were classified correctly (95 % interval: "
        super().__init__(
            f"{answer}{percents(interval)}). {metrics['claim']['sentence']}".rstrip("."),
            evaluation.accuracy,
            interval,
            evaluation,
            None,
            metrics,
            out,
        )
        self._recogniser = recogniser

    @property
    def recogniser(self) -> Recogniser:
        """The recogniser that was measured."""
        return self._recogniser

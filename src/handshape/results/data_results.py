"""The results of `inspect`, `extract_features` and `study`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handshape.data.checks.finding import Finding
from handshape.data.data_report import DataReport
from handshape.data.dataset import SPLITS, Dataset
from handshape.data.frames import new_frame
from handshape.errors import UsageError
from handshape.notebook import html_table, paragraph

if TYPE_CHECKING:
    import pandas


class InspectionReport:
    r"""What is in a data set, and what is wrong with it; what `inspect` returns.

    Attributes:
        dataset: The photos that can be read, each in the split that training would use.
        findings: Problems and facts, serious ones first.

    Args:
        data_report: The data, its split and findings.
        metrics: The content of ``metrics.json``.

    Examples:
        >>> report = handshape.inspect("photos", signer=r"(signer\d+)_")
        >>> report
        InspectionReport(72 photos, 3 labels, split by signer, 5 findings)
        >>> int(report.to_frame().loc["A", "all"])
        24
    """

    def __init__(self, data_report: DataReport, metrics: Mapping[str, Any]) -> None:
        self.dataset: Dataset = data_report.split.dataset
        self.findings: Sequence[Finding] = data_report.findings
        self._metrics = metrics

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON types, as ``--json`` prints it."""
        return dict(self._metrics)

    def to_frame(self) -> "pandas.DataFrame":
        """Return how many photos of each label are in each split; needs pandas."""
        return new_frame(self._counts(), (*SPLITS, "all"), self.dataset.labels)

    def __repr__(self) -> str:
        how = {"signer": "split by signer", "random": "split at random", "given": "split as given"}
        count = len(self.findings)
        parts = (f"{len(self.dataset)} photos", f"{len(self.dataset.labels)} labels")
        found = f"{count} finding{'' if count == 1 else 's'}"
        return f"InspectionReport({', '.join(parts)}, {how[self._metrics['split']['kind']]}, {found})"

    def _repr_html_(self) -> str:
        heads = ("label", "training", "validation", "test", "all")
        rows = zip(self.dataset.labels, self._counts(), strict=True)
        counts = html_table(heads, [(label, *map(str, row)) for label, row in rows])
        findings = "".join(paragraph(f"{one.severity.capitalize()}: {one.message}") for one in self.findings)
        return paragraph(repr(self)) + counts + findings

    def _counts(self) -> list[list[int]]:
        parts = [self.dataset.on(name).counts() for name in SPLITS]
        return [[*(part[label] for part in parts), count] for label, count in self.dataset.counts().items()]


class ImageFeatures:
    """Image features of photos; what `extract_features` returns.

    Attributes:
        dataset: The N photos that can be read.

    Args:
        dataset: The N photos.
        array: (N, C, p, p) float16; None where a cluster has computed it.
        figures: What ``handshape features --json`` prints.

    Examples:
        >>> features = handshape.extract_features("photos", backbone="handnet", views=0)
        >>> features
        ImageFeatures(72 x 192 x 4 x 4, handnet)
        >>> features.rows.shape, len(features.dataset)
        ((72, 3072), 72)
    """

    def __init__(
        self, dataset: Dataset | None, array: NDArray[np.float16] | None, figures: Mapping[str, Any]
    ) -> None:
        self._dataset, self._array, self._figures = dataset, array, figures

    @property
    def dataset(self) -> Dataset:
        """The N photos that can be read.

        Raises:
            UsageError: A cluster has computed the features, which stay in the cache.
        """
        if self._dataset is None:
            raise _on_cluster()
        return self._dataset

    @property
    def array(self) -> NDArray[np.float16]:
        """(N, C, p, p) float16 features, in the order of the photos.

        Raises:
            UsageError: A cluster has computed the features, which stay in the cache.
        """
        if self._array is None:
            raise _on_cluster()
        return self._array

    @property
    def rows(self) -> NDArray[np.float32]:
        """(N, D) float32 features, one row for each photo, as scikit-learn takes them."""
        return self.array.reshape(len(self.array), -1).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Return number, shape, backbone and weights as JSON types, as ``--json`` prints them."""
        return dict(self._figures)

    def __repr__(self) -> str:
        shape = " x ".join(map(str, (self._figures["images"], *self._figures["shape"])))
        return f"ImageFeatures({shape}, {self._figures['backbone']})"


def _on_cluster() -> UsageError:
    return UsageError(
        "an array of features that a cluster has computed",
        "features of engine='local'",
        "call extract_features again with engine='local'; it takes them from the cache",
    )


class StudyReport:
    """The answer of a study; what `study` returns.

    Attributes:
        answer: The answer in a sentence.
        out: Folder of the run.

    Args:
        metrics: The content of ``metrics.json``.
        out: Folder of the run.

    Examples:
        >>> report = handshape.study("autoencoder", "photos", backbone="handnet", epochs=1, photos=12)
        >>> report.report_path.name, len(report.to_frame()) > 0
        ('report.html', True)
    """

    def __init__(self, metrics: Mapping[str, Any], out: Path) -> None:
        self.answer: str = metrics["answer"]
        self.out, self._metrics = out, metrics

    @property
    def report_path(self) -> Path:
        """The report, a page that opens offline."""
        return self.out / "report.html"

    def to_dict(self) -> dict[str, Any]:
        """Return all figures as JSON types, as ``--json`` prints them."""
        return dict(self._metrics)

    def to_frame(self) -> "pandas.DataFrame":
        """Return the study's table as text; needs pandas."""
        summary = self._metrics["summary"]
        return new_frame(summary["rows"], summary["columns"])

    def __repr__(self) -> str:
        return f"StudyReport({self._metrics['study']}, {self.report_path})"

    def _repr_html_(self) -> str:
        summary = self._metrics["summary"]
        shown = html_table(summary["columns"], summary["rows"])
        return paragraph(f"{self.answer}.") + shown + paragraph(f"Report: {self.report_path}")

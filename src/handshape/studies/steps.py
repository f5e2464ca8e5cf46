"""What all studies share: their photos, and steps whose results are kept for a study that is killed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Subset

from handshape.config.study import StudyConfig
from handshape.data.augment import Views
from handshape.data.data_report import DataReport
from handshape.data.dataset import SplitIndices
from handshape.data.images.prepared import PreparedImages
from handshape.evaluation.intervals.accuracy import Interval, accuracy_interval
from handshape.evaluation.json_result import JsonResult
from handshape.features.extract import Extractor, features_of
from handshape.models.backbones.registry import Backbone
from handshape.progress import say
from handshape.training.checkpoint import Checkpoint

_Options = TypeVar("_Options")
GRID = 4
"""Features are kept averaged to 4 x 4 places, as `compare` uses them by default; bursts are found by them."""


@dataclass(frozen=True)
class StudyData:
    """The photos of a study with their split, the backbone, and where features and networks are.

    Args:
        report: The photos, prepared at the size that the backbone takes, with their split.
        backbone: The pretrained network, frozen.
        cache: Folder of the cache.
        device: Where networks run.
        seed: Fixes every random choice.
    """

    report: DataReport
    backbone: Backbone
    cache: Path
    device: torch.device
    seed: int

    @property
    def images(self) -> PreparedImages:
        """N prepared images."""
        return self.report.indexed.images

    @property
    def splits(self) -> SplitIndices:
        """Indices of the photos in each part of the split."""
        return self.report.split.dataset.split_indices()

    @property
    def classes(self) -> NDArray[np.int64]:
        """(N,) int64 class index of each photo."""
        return self.report.split.dataset.classes

    @property
    def labels(self) -> tuple[str, ...]:
        """K labels in class order."""
        return self.report.split.dataset.labels

    @property
    def signers(self) -> list[str | None]:
        """Signer of each photo."""
        return [sample.signer for sample in self.report.split.dataset.samples]

    def features(
        self, places: int | None = GRID, *, view: int = 0, indices: NDArray[np.int64] | None = None
    ) -> NDArray[np.float16]:
        """Return the frozen backbone's features of photos, from the cache where they are there.

        Args:
            places: Places along each axis that they are averaged to; ``None`` keeps the backbone's own.
            view: 0 for the photos, `handshape.data.augment.MIRRORED` for their mirror images.
            indices: (n,) which photos; all N of them when left out.

        Returns:
            (N, C, p, p) float16.
        """
        digests = self.report.indexed.digests
        chosen = np.arange(len(digests)) if indices is None else indices
        extractor = Extractor(self.backbone, places, Views(), self.device)
        images = Subset(self.images, chosen.tolist())
        return features_of(extractor, images, [digests[i] for i in chosen], self.cache, view=view)

    def test_interval(self, correct: NDArray[np.bool_]) -> Interval:
        """Return the interval of an accuracy on the test photos.

        Args:
            correct: (v n,) bool for v views of each test photo, one view after another. Views of one photo
                are in one group, as all photos of a signer or burst are.
        """
        test = self.splits["test"]
        views = len(correct) // len(test)
        signers = [self.signers[i] for i in test] * views
        return accuracy_interval(correct, signers, np.tile(self.report.bursts[test], views))


def select_settings(kind: type[_Options], config: StudyConfig, **others: Any) -> _Options:
    """Return the settings of a study that another dataclass has, too, as one of those."""
    names = {one.name for one in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: getattr(config, name) for name in names if hasattr(config, name)} | others)


@dataclass(frozen=True)
class StepResult(JsonResult):
    """The result of one finished step.

    Args:
        figures: Numbers, strings, lists, dictionaries and results; read back as plain JSON types.
            Durations have the key ``seconds``: they alone may differ when a killed study resumes.
        tensors: What later steps or plots need, by name.
        history: One row per epoch where something was trained.
    """

    figures: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    history: Sequence[Mapping[str, float]] = field(default_factory=list)


class Steps:
    """The steps of one study, in a folder that lasts until the study is done.

    A step is a function from a `Checkpoint` to a `StepResult`. Only its result, as it was written and read
    back, may be used by later steps: what is in memory is gone when a study resumes.

    Args:
        folder: Where results and checkpoints are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.histories: dict[str, Sequence[Mapping[str, float]]] = {}
        """Rows of the steps that trained something, in the order in which they were run."""

    def run(self, name: str, work: Callable[[Checkpoint], StepResult]) -> StepResult:
        """Return the result of a step, which is run unless its result is kept already.

        Args:
            name: Unlike that of any other step of the study; letters, digits and hyphens.
            work: Does the step. A training saves its state in the checkpoint after every epoch and starts
                from what that holds.

        Raises:
            OutputError: A file of the step is damaged, or cannot be written.
        """
        finished = Checkpoint(self._folder / f"{name}.finished")
        kept = finished.load()
        if kept is not None:
            say(f"Step {name}: finished before.")
        else:
            checkpoint = Checkpoint(self._folder / f"{name}.checkpoint")
            finished.save(work(checkpoint).to_dict())
            checkpoint.path.unlink(missing_ok=True)
            kept = finished.load()
        assert kept is not None
        result = StepResult(**kept)
        if result.history:
            self.histories[name] = result.history
        return result

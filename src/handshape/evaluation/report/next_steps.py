"""What to do after a run: a few complete commands, the most useful first."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path

from handshape.config.data import DataConfig
from handshape.config.fields import command_words
from handshape.config.models import MODELS
from handshape.config.train import CompareConfig, TrainConfig
from handshape.config.use import InspectConfig
from handshape.data.checks.finding import count_of
from handshape.data.splits.leave_one_group_out import leave_one_signer_out
from handshape.errors import SplitError
from handshape.evaluation.experiment import Experiment
from handshape.evaluation.json_result import JsonResult
from handshape.evaluation.report.cautions import MUCH_LOWER

SUSPECT_LABELS = "suspect-labels.txt"
"""File in a run: photos whose label is probably wrong, as a list for ``--exclude``."""
_MOST = 3
# With more signers, leaving each out once takes long and says little more than one split by signer.
_MANY_SIGNERS = 30


@dataclass(frozen=True)
class NextStep(JsonResult):
    """A command to run after this one, complete and quoted for a shell, and what it is good for."""

    command: str
    reason: str


def next_steps(
    experiment: Experiment, config: TrainConfig | CompareConfig, name: str, out: Path
) -> list[NextStep]:
    """Return two or three commands to run after a run.

    Args:
        experiment: The models and their metrics.
        config: The settings of the run.
        name: Name of its command: train or compare.
        out: Folder of the run.
    """
    last = NextStep(
        shlex.join(["handshape", "serve", str(out)]),
        "Try it with your webcam, in another room and with another hand than in the photos.",
    )
    export = NextStep(
        shlex.join(["handshape", "export", str(out)]), "Use it in other programs: one ONNX file."
    )
    found = list(islice(_steps(experiment, config, name, out), _MOST - 1))
    return [*found, last] if found else [last, export]


def _steps(
    experiment: Experiment, config: TrainConfig | CompareConfig, name: str, out: Path
) -> Iterator[NextStep]:
    def again(reason: str, suffix: str, *, command: str = name, **changes: object) -> NextStep:
        other = replace(config, out=out.with_name(f"{out.name}-{suffix}"), **changes)  # type: ignore[arg-type]
        return NextStep(shlex.join(command_words(command, other)), reason)

    dataset = experiment.data_report.split.dataset
    if config.folds == "none" and len(dataset.sources) > 1:
        yield again(
            f"Test on each of {len(dataset.sources)} sources by a model that was not trained on it.",
            "by-source",
            folds="source",
        )
    elif config.folds == "none" and len(dataset.signers) <= _MANY_SIGNERS and _has_signer_folds(experiment):
        yield again(
            f"Test on each of {len(dataset.signers)} signers by a model that was not trained on them.",
            "by-signer",
            folds="signers",
        )
    if experiment.suspects is not None and experiment.suspects.photos:
        count = len(experiment.suspects.photos)
        yield again(
            f"Leave out {count_of(count, 'photo', 'photos')} whose label may be wrong. Look first, "
            "and remove from the list any whose label is right.",
            "excluded",
            exclude=out / SUSPECT_LABELS,
        )
    if any(one.severity == "serious" for one in experiment.data_report.findings):
        options = {field.name: getattr(config, field.name) for field in fields(DataConfig)}
        inspected = InspectConfig(**options, out=out.with_name(f"{out.name}-inspected"))
        yield NextStep(
            shlex.join(command_words("inspect", inspected)),
            "Look at the photos: a sheet of samples, and one of near-copies if there are any.",
        )
    mirrored = experiment.best.mirrored_accuracy
    if mirrored is not None and experiment.best.accuracy - mirrored > MUCH_LOWER and not config.mirror:
        yield again("Train for left hands too.", "mirrored", mirror=True, views=max(1, config.views))
    tried = {result.fitted.name for result in experiment.results}
    if not any(MODELS[one].preferred for one in tried):
        preferred = next(one for one, kind in MODELS.items() if kind.preferred)
        options = {
            one.name: getattr(config, one.name) for one in fields(CompareConfig) if hasattr(config, one.name)
        }
        models = ",".join([*(result.fitted.name for result in experiment.results), preferred])
        compared = CompareConfig(
            **{**options, "models": models, "out": out.with_name(f"{out.name}-compared")}
        )
        yield NextStep(
            shlex.join(command_words("compare", compared)),
            f"Compare with {MODELS[preferred].words}, which works better for new people and rooms.",
        )


def _has_signer_folds(experiment: Experiment) -> bool:
    try:
        leave_one_signer_out(experiment.data_report.split.dataset)
    except SplitError:
        return False
    return True

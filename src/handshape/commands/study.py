"""Studies: experiments that answer one question each on the user's own photos."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from handshape.cache.atomic import restore_interrupted
from handshape.commands.shared import check_split, index_photos, list_checked, print_findings, report_data
from handshape.config.study import AutoencoderConfig, ChiralityConfig, FinetuneConfig, StudyConfig
from handshape.data.augment import Views
from handshape.errors import OutputError
from handshape.features.extract import Extractor, features_of
from handshape.models.backbones.registry import load_backbone
from handshape.models.device import choose_device
from handshape.progress import say
from handshape.run import Claim, claim, default_out, describe, write_json
from handshape.studies.autoencoder import study_autoencoder
from handshape.studies.chirality import study_chirality
from handshape.studies.finetune import study_finetune
from handshape.studies.page import StudyOutcome, write_study_page
from handshape.studies.steps import GRID, Steps, StudyData
from handshape.studies.unfinished import (
    PROGRESS,
    begin_study,
    check_new_study,
    find_unfinished,
    resumed_settings,
)
from handshape.training.history import write_rows

_Config = TypeVar("_Config", bound=StudyConfig)


def chirality(config: ChiralityConfig) -> dict[str, Any]:
    """Measure whether photos can be distinguished from their mirror images, and write the run."""
    return run_study("chirality", config, study_chirality)


def autoencoder(config: AutoencoderConfig) -> dict[str, Any]:
    """Measure how well photos can be reconstructed from the backbone's features, and write the run."""
    return run_study("autoencoder", config, study_autoencoder)


def finetune(config: FinetuneConfig) -> dict[str, Any]:
    """Measure whether fine-tuning the backbone pays, by the number of training photos, and write the run."""
    return run_study("finetune", config, study_finetune)


def run_study(
    name: str, config: _Config, study: Callable[[_Config, StudyData, Steps], StudyOutcome]
) -> dict[str, Any]:
    """Start or resume a study, and write its run when it is done.

    Until then the run's directory holds ``config.json`` and a folder ``progress`` with the result of each
    finished step and the checkpoint of a training.

    Args:
        name: Of the study, on the command line.
        config: The settings; with ``resume``, those of the unfinished run replace them.
        study: Runs the steps and returns the outcome. Must depend on its arguments only.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        HandshapeError: Something a user can mend; see the message.
    """
    if config.resume is None:
        out = config.out or default_out(f"study-{name}")
        check_new_study(out, force=config.force)
    else:
        out = config.resume
        restore_interrupted(out.resolve().parent)
        find_unfinished(out, f"study {name}")
    with claim(out, force=config.force or config.resume is not None) as claimed:
        metrics = _run(name, config, study, claimed)
    say(f"Report: {out / 'report.html'}")
    return metrics


def _run(
    name: str, config: _Config, study: Callable[[_Config, StudyData, Steps], StudyOutcome], claimed: Claim
) -> dict[str, Any]:
    command, found = f"study {name}", None
    if config.resume is None:
        config = _resolved(config)
    else:
        found = find_unfinished(claimed.out, command)  # it may have been finished until it was claimed
        config = resumed_settings(config, claimed.out, found["settings"])
    data = _prepare(config)
    backbone = {"name": data.backbone.name, "weights": data.backbone.digest}
    description = {**describe(command, config, data.report.digest), "backbone": backbone}
    if found is None:
        begin_study(claimed, description, force=config.force)
    else:
        _check_same(claimed.out, found, description)
        description = found
    steps = Steps(claimed.out / PROGRESS)
    outcome = study(config, data, steps)
    split = data.report.split
    metrics: dict[str, Any] = {
        "study": name,
        "answer": outcome.answer,
        "split": {"kind": split.kind, "grouped": split.grouped, **split.counts()},
        "summary": outcome.summary.to_dict(),
        **outcome.figures,
    }
    with claimed.new_run(force=True) as folder:
        write_json(folder / "config.json", description)
        write_json(folder / "metrics.json", metrics)
        if steps.histories:
            write_rows(folder / "history.csv", steps.histories)
        write_study_page(folder, outcome, data.report, description)
    return metrics


def _resolved(config: _Config) -> _Config:
    """Write out what may differ where the study is resumed: relative paths and the default device."""
    changed: dict[str, Any] = {"device": str(choose_device(config.device))}
    for name in ("data", "cache"):
        if getattr(config, name) is not None:
            changed[name] = getattr(config, name).absolute()
    if config.weights is not None and Path(config.weights).is_file():
        changed["weights"] = str(Path(config.weights).absolute())
    return replace(config, **changed)


def _prepare(config: StudyConfig) -> StudyData:
    device = choose_device(config.device)
    listed = list_checked(config, config.data_config.data)
    backbone = load_backbone(config.backbone, config.weights, seed=config.seed)
    cache, indexed = index_photos(config.data_config, size=backbone.preprocessing.size, listed=listed)
    check_split(config, indexed.dataset)  # again, without the photos that cannot be read
    # The same features as in `compare` find the bursts, so that both have the same split.
    features = features_of(Extractor(backbone, GRID, Views(), device), indexed.images, indexed.digests, cache)
    report = report_data(config, indexed, features)
    print_findings(report)
    return StudyData(report, backbone, cache, device, config.seed)


def _check_same(out: Path, found: dict[str, Any], description: dict[str, Any]) -> None:
    """Refuse to resume a run with other photos or weights than it was started with."""
    if found["data_digest"] != description["data_digest"]:
        raise OutputError(
            f"the photos in {str(description['settings']['data'])!r} are not those that {str(out)!r} "
            "was started with",
            f"photos, labels and split of the digest {found['data_digest']}",
            "put them back, or start a new run with --out",
        )
    if found["backbone"] != description["backbone"]:
        raise OutputError(
            f"the weights of {found['backbone']['name']!r} are not those that {str(out)!r} was started with",
            f"weights of the digest {found['backbone']['weights']}",
            "put them back, or start a new run with --out",
        )
    if found["versions"] != description["versions"]:
        say("Started with other versions of some libraries: figures may differ in their last digits.")

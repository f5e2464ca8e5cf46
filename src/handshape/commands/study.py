"""Studies: one question, asked of the user's own photos, answered by measurement."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from handshape.cache.atomic import restore_interrupted
from handshape.commands.shared import check_split, index_photos, print_findings, report_data
from handshape.config.study import AutoencoderConfig, ChiralityConfig, FinetuneConfig, StudyConfig
from handshape.data.augment import Views
from handshape.errors import OutputError
from handshape.evaluation.json_result import to_json_types
from handshape.features.extract import Extractor, features_of
from handshape.models.backbones.registry import load_backbone
from handshape.models.device import choose_device
from handshape.progress import say
from handshape.run import Claim, claim, default_out, describe, write_json
from handshape.studies.autoencoder import study_autoencoder
from handshape.studies.chirality import study_chirality
from handshape.studies.finetune import study_finetune
from handshape.studies.material import PLACES, Material
from handshape.studies.page import Outcome, write_page
from handshape.studies.steps import Steps
from handshape.studies.unfinished import PROGRESS, begin, check_new, find_unfinished, settings_of
from handshape.training.history import write_rows

Asked = TypeVar("Asked", bound=StudyConfig)


def chirality(config: ChiralityConfig) -> dict[str, Any]:
    """Ask whether the photos can be told from their mirror images, and write the run.

    Args:
        config: The settings.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        HandshapeError: Something a user can mend; see the message.
    """
    return run_study("chirality", config, study_chirality)


def autoencoder(config: AutoencoderConfig) -> dict[str, Any]:
    """Ask how much of a photo the backbone's features give back, and write the run.

    Args:
        config: The settings.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        HandshapeError: Something a user can mend; see the message.
    """
    return run_study("autoencoder", config, study_autoencoder)


def finetune(config: FinetuneConfig) -> dict[str, Any]:
    """Ask whether tuning the backbone pays, by the number of training photos, and write the run.

    Args:
        config: The settings.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        HandshapeError: Something a user can mend; see the message.
    """
    return run_study("finetune", config, study_finetune)


def run_study(name: str, config: Asked, study: Callable[[Asked, Material, Steps], Outcome]) -> dict[str, Any]:
    """Begin a study, or go on with one, and write its run when it is done.

    Until then the run's directory holds ``config.json`` and a folder ``progress``, in which each finished
    step and the checkpoint of a training are kept.

    Args:
        name: Of the study, on the command line.
        config: The settings; with ``resume``, those of the unfinished run take their place.
        study: Does the steps and says what they mean. Must depend on its arguments only.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        HandshapeError: Something a user can mend; see the message.
    """
    command = f"study {name}"
    if config.resume is None:
        out = config.out or default_out(command.replace(" ", "-"))
        check_new(out, force=config.force)
    else:
        out = config.resume
        restore_interrupted(out.resolve().parent)
        find_unfinished(out, command)
    with claim(out, force=config.force or config.resume is not None) as claimed:
        metrics = _run(name, config, study, claimed)
    say(f"Report: {out / 'report.html'}")
    return metrics


def _run(
    name: str, config: Asked, study: Callable[[Asked, Material, Steps], Outcome], claimed: Claim
) -> dict[str, Any]:
    command, out, found = f"study {name}", claimed.out, None
    if config.resume is None:
        config = _resolved(config)
    else:
        found = find_unfinished(out, command)  # it may have been finished until it was claimed
        config = settings_of(config, out, found["settings"])
    material = _prepare(config)
    backbone = {"name": material.backbone.name, "weights": material.backbone.digest}
    description = {**describe(command, config, material.survey.digest), "backbone": backbone}
    if found is None:
        begin(claimed, description, force=config.force)
    else:
        description = _same(out, found, description)
    steps = Steps(out / PROGRESS)
    outcome = study(config, material, steps)
    metrics = _metrics(name, material, outcome)
    with claimed.new_run(force=True) as folder:
        _write(folder, outcome, metrics, material, steps, description)
    return metrics


def _resolved(config: Asked) -> Asked:
    """Write out what may be another thing when the study goes on elsewhere: paths and the device."""
    changed: dict[str, Any] = {"device": str(choose_device(config.device))}
    for name in ("data", "store"):
        if getattr(config, name) is not None:
            changed[name] = getattr(config, name).absolute()
    if config.weights is not None and Path(config.weights).is_file():
        changed["weights"] = str(Path(config.weights).absolute())
    return replace(config, **changed)


def _prepare(config: StudyConfig) -> Material:
    device = choose_device(config.device)
    backbone = load_backbone(config.backbone, config.weights, seed=config.seed)
    store, indexed = index_photos(config.data_config, size=backbone.preprocessing.size)
    check_split(config, indexed.dataset)  # before the long work
    # The same features as those of `compare`, so that bursts and split are the same.
    extractor = Extractor(backbone, PLACES, Views(), device)
    features = features_of(extractor, indexed.images, indexed.digests, store)
    survey = report_data(config, indexed, features)
    print_findings(survey)
    return Material(survey, backbone, store, device, config.seed)


def _same(out: Path, found: dict[str, Any], description: dict[str, Any]) -> dict[str, Any]:
    """Return the description that a run was begun with, if the photos are the same."""
    if found["data_digest"] != description["data_digest"]:
        raise OutputError(
            f"the photos in {str(description['settings']['data'])!r} are not those that {str(out)!r} "
            "was begun with",
            f"photos, labels and split of the digest {found['data_digest']}",
            "put them back, or begin anew with --out",
        )
    if found["backbone"] != description["backbone"]:
        raise OutputError(
            f"the weights of {found['backbone']['name']!r} are not those that {str(out)!r} was begun with",
            f"weights of the digest {found['backbone']['weights']}",
            "put them back, or begin anew with --out",
        )
    if found["versions"] != description["versions"]:
        say("Begun with other versions of some libraries: figures may differ in their last digits.")
    return found


def _metrics(name: str, material: Material, outcome: Outcome) -> dict[str, Any]:
    split = material.survey.split
    kept: dict[str, Any] = to_json_types(
        {
            "study": name,
            "answer": outcome.answer,
            "split": {"kind": split.kind, "grouped": split.grouped, **split.counts()},
            "summary": {
                "words": outcome.summary.words,
                "columns": outcome.summary.columns,
                "rows": outcome.summary.rows,
            },
            **outcome.figures,
        }
    )
    return kept


def _write(
    folder: Path,
    outcome: Outcome,
    metrics: dict[str, Any],
    material: Material,
    steps: Steps,
    description: dict[str, Any],
) -> None:
    write_json(folder / "config.json", description)
    write_json(folder / "metrics.json", metrics)
    if steps.histories:
        write_rows(folder / "history.csv", steps.histories)
    write_page(folder, outcome, material.survey, description)

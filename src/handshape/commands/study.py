"""Studies: experiments that answer one question each on the user's own photos."""

from collections.abc import Callable
from typing import Any, TypeVar

from handshape.commands.shared import check_split, index_photos, list_checked, print_findings, report_data
from handshape.commands.unfinished import unfinished_folder
from handshape.config.study import AutoencoderConfig, ChiralityConfig, FinetuneConfig, StudyConfig
from handshape.data.augment import Views
from handshape.data.dataset import Dataset
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
from handshape.training.history import write_history

_Config = TypeVar("_Config", bound=StudyConfig)


def chirality(config: ChiralityConfig, given: Dataset | None = None) -> dict[str, Any]:
    """Measure whether photos can be distinguished from their mirror images, and write the run."""
    return run_study("chirality", config, study_chirality, given)


def autoencoder(config: AutoencoderConfig, given: Dataset | None = None) -> dict[str, Any]:
    """Measure how well photos can be reconstructed from the backbone's features, and write the run."""
    return run_study("autoencoder", config, study_autoencoder, given)


def finetune(config: FinetuneConfig, given: Dataset | None = None) -> dict[str, Any]:
    """Measure whether fine-tuning the backbone pays, by the number of training photos, and write the run."""
    return run_study("finetune", config, study_finetune, given)


def run_study(
    name: str,
    config: _Config,
    study: Callable[[_Config, StudyData, Steps], StudyOutcome],
    given: Dataset | None = None,
) -> dict[str, Any]:
    """Run a study and write its run; the same command continues a killed one.

    Until the run is written, the cache holds the result of each finished step and the checkpoint of a
    training.

    Args:
        name: Of the study, on the command line.
        config: The settings.
        study: Runs the steps and returns the outcome. Must depend on its arguments only.
        given: The photos, where a program passes them.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        HandshapeError: Something a user can mend; see the message.
    """
    config = config.resolved()
    out = config.out or default_out(f"study-{name}")
    with claim(out, force=config.force) as claimed:
        metrics = _run(name, config, study, claimed, given)
    say(f"Report: {out / 'report.html'}")
    return metrics


def _run(
    name: str,
    config: _Config,
    study: Callable[[_Config, StudyData, Steps], StudyOutcome],
    claimed: Claim,
    given: Dataset | None,
) -> dict[str, Any]:
    data = _prepare(config, given)
    backbone = {"name": data.backbone.name, "weights": data.backbone.digest}
    description = {**describe(f"study {name}", config, data.report.digest), "backbone": backbone}
    with unfinished_folder(data.cache, "studies", description) as unfinished:
        steps = Steps(unfinished)
        outcome = study(config, data, steps)
        split = data.report.split
        metrics: dict[str, Any] = {
            "study": name,
            "answer": outcome.answer,
            "split": {"kind": split.kind, "grouped": split.grouped, **split.counts()},
            "summary": outcome.summary.to_dict(),
            **outcome.figures,
        }
        with claimed.new_run(force=config.force) as folder:
            write_json(folder / "config.json", description)
            write_json(folder / "metrics.json", metrics)
            if steps.histories:
                write_history(folder / "history.csv", "step", steps.histories)
            write_study_page(folder, outcome, data.report, description)
    return metrics


def _prepare(config: StudyConfig, given: Dataset | None) -> StudyData:
    device = choose_device(config.device)
    listed = list_checked(config, config.data, given)
    backbone = load_backbone(config.backbone, config.weights, seed=config.seed)
    cache, indexed = index_photos(config, size=backbone.preprocessing.size, listed=listed)
    check_split(config, indexed.dataset)  # again, without the photos that cannot be read
    # The same features as in `compare` find the bursts, so that both have the same split.
    features = features_of(Extractor(backbone, GRID, Views(), device), indexed.images, indexed.digests, cache)
    report = report_data(config, indexed, features)
    print_findings(report)
    return StudyData(report, backbone, cache, device, config.seed)

"""Compare models on one split."""

from typing import Any

from handshape.commands.train import TrainingRun, run_training
from handshape.config.train import CompareConfig
from handshape.data.dataset import Dataset
from handshape.training.own_parts import OwnParts


def compare(config: CompareConfig) -> dict[str, Any]:
    """Train several models on one split, write the run and return the content of ``metrics.json``."""
    return compare_run(config).metrics


def compare_run(
    config: CompareConfig, given: Dataset | None = None, own: OwnParts | None = None
) -> TrainingRun:
    """Compare models as `compare` does, with photos and parts that a program may pass, and return the run."""
    return run_training(config, config.model_names, "compare", given=given, own=own)

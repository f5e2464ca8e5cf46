"""Compare models on one split."""

from typing import Any

from handshape.commands.train import train_models
from handshape.config.train import CompareConfig


def compare(config: CompareConfig) -> dict[str, Any]:
    """Train several models on one split, write the run and return the content of ``metrics.json``."""
    return train_models(config, config.model_names, "compare")

"""The main job: every model on one split, one table, one report."""

from typing import Any

from handshape.commands.train import train_models
from handshape.config.train import CompareConfig


def compare(config: CompareConfig) -> dict[str, Any]:
    """Train several models on one split, compare them and write the run.

    Args:
        config: The settings.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        HandshapeError: Something a user can mend; see the message.
    """
    return train_models(config, config.model_names, "compare")

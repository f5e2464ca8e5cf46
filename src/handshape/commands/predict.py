"""Predict the labels of images with a saved recogniser."""

from typing import Any

from handshape.config.use import PredictConfig
from handshape.errors import DataNotFoundError
from handshape.recogniser import load


def predict(config: PredictConfig) -> list[dict[str, Any]]:
    """Return path, label, probability and most probable labels of each image.

    Raises:
        BundleError: The bundle is missing or damaged.
        DataNotFoundError: An image is not there.
        ImageError: An image cannot be read.
    """
    for path in config.images:
        if not path.is_file():
            raise DataNotFoundError(f"no image at {str(path)!r}", "an image file", "check the path")
    recogniser = load(config.bundle)
    predictions = [recogniser.answer(row) for row in recogniser.probabilities(config.images)]
    return [
        {"path": str(path), **prediction.to_dict()}
        for path, prediction in zip(config.images, predictions, strict=True)
    ]

"""``GET /v1/model``: the recogniser in use, its measured accuracy, and the limits of the server."""

from dataclasses import asdict
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from handshape.serve.errors import documented
from handshape.serve.limits import Limits
from handshape.serve.photo import FORMATS
from handshape.serve.prediction_queue import PredictionQueue


class ModelBody(BaseModel):
    """A recogniser as a client sees it.

    Args:
        model: Digest of the recogniser; empty while there is none.
        labels: K labels in class order.
        threshold: Probability below which the label is ``unsure``.
        expects_hand: Whether the label is ``no hand`` where none is found.
        engine: What runs the network: ``onnxruntime``, ``torch`` or, without a recogniser, ``none``.
        network: Model, backbone and input size.
        trained_on: Counts, signers and kind of split of the training data.
        figures: Measured figures: accuracy with its interval, per label, per signer, mirrored.
        limits: Limits of this server, and the formats it accepts.
    """

    model: str = ""
    labels: list[str] = []
    threshold: float = 0.0
    expects_hand: bool = False
    engine: str = "none"
    network: dict[str, Any] = {}
    trained_on: dict[str, Any] = {}
    figures: dict[str, Any] = {}
    limits: dict[str, Any]


def add_model_route(app: FastAPI, queue: PredictionQueue, limits: Limits) -> None:
    """Add the route that describes the recogniser."""
    allowed = {**asdict(limits), "megapixels": 50, "formats": list(FORMATS)}

    @app.get(
        "/v1/model",
        summary="Describe the recogniser",
        description="Labels, threshold, training data and measured accuracy. A recogniser that is trained on "
        "the page and used replaces the earlier one.",
        responses=documented(401, 403),
    )
    async def model() -> ModelBody:
        return ModelBody(**(queue.recogniser.info() if queue.recogniser else {}), limits=allowed)

"""``GET /v1/model``: which recogniser this is, how good it is, and what it was measured on."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from handshape.serve.engine import Engine
from handshape.serve.errors import documented
from handshape.serve.photo import FORMATS
from handshape.serve.reader import Reader
from handshape.serve.settings import Limits


class ModelBody(BaseModel):
    """A recogniser, as far as a client needs to know it.

    Args:
        model: Digest of the recogniser; empty while there is none.
        labels: K labels in class order.
        threshold: Probability below which the answer is ``unsure``.
        engine: What computes: ``onnxruntime``, ``torch`` or, before anything was taught, ``none``.
        network: Model, backbone and input size.
        trained_on: Counts, signers and kind of split of the training data.
        figures: Measured figures, whole: accuracy with its interval, per label, per signer, mirrored.
        limits: How much may be asked of this server, and which formats it takes.
    """

    model: str
    labels: list[str]
    threshold: float
    engine: str
    network: dict[str, Any]
    trained_on: dict[str, Any]
    figures: dict[str, Any]
    limits: dict[str, Any]


def about_routes(engine: Engine, limits: Limits) -> APIRouter:
    """Return the route that describes the recogniser."""
    router = APIRouter()

    @router.get(
        "/v1/model",
        summary="Describe the recogniser",
        description="Labels, threshold, what it was trained on, and its measured figures, so that a page can "
        "say how far to believe it. A recogniser taught on the page takes the place of the one before.",
        responses=documented(401, 403),
    )
    async def model() -> ModelBody:
        return ModelBody(**describe(engine.reader, limits))

    return router


def describe(reader: Reader | None, limits: Limits) -> dict[str, Any]:
    """Return what ``GET /v1/model`` answers.

    Args:
        reader: The recogniser in use, if there is one.
        limits: How much may be asked of the server.
    """
    allowed = {**asdict(limits), "megapixels": 50, "formats": list(FORMATS)}
    if reader is None:
        return {
            "model": "",
            "labels": [],
            "threshold": 0.0,
            "engine": "none",
            "network": {},
            "trained_on": {},
            "figures": {},
            "limits": allowed,
        }
    config = reader.recogniser.config
    network = config.network
    return {
        "model": reader.digest,
        "labels": list(config.labels),
        "threshold": config.threshold,
        "engine": reader.kind,
        "network": {
            "model": network.model,
            "backbone": network.backbone,
            "size": network.preprocessing.size,
        },
        "trained_on": config.trained_on,
        "figures": config.figures,
        "limits": allowed,
    }

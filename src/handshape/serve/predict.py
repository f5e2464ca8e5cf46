"""``POST /v1/predict``: photos in, labels out."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from handshape.errors import HandshapeError
from handshape.serve.engine import Engine
from handshape.serve.errors import Problem, documented, problem_of
from handshape.serve.reader import Reading
from handshape.serve.settings import Limits
from handshape.serve.upload import Upload, read_upload

_EXAMPLE = {
    "model": "3f0c1a7b9d2e4c5f8a6b7c8d9e0f1a2b",
    "predictions": [
        {
            "label": "B",
            "probability": 0.9731,
            "sure": True,
            "top": [["B", 0.9731], ["F", 0.0148], ["D", 0.0062]],
            "name": "hand.jpg",
        }
    ],
}
_PHOTO = {"type": "string", "format": "binary"}
_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["image"],
                "properties": {
                    "image": {"type": "array", "items": _PHOTO, "minItems": 1, "maxItems": Limits().photos}
                },
            }
        },
        **{kind: {"schema": _PHOTO} for kind in ("image/jpeg", "image/png", "image/webp")},
        "application/octet-stream": {"schema": _PHOTO},
    },
}


class PredictionBody(BaseModel):
    """What was read in one photo.

    Args:
        label: The most probable label, or ``unsure`` below the recogniser's threshold.
        probability: Of the most probable label.
        sure: Whether that reaches the threshold.
        top: The most probable labels with their probabilities, best first.
        name: The file's name as it was sent.
    """

    label: str
    probability: float
    sure: bool
    top: list[tuple[str, float]]
    name: str | None = None


class PredictionsBody(BaseModel):
    """What was read, in the order of the photos.

    Args:
        model: Digest of the recogniser.
        predictions: One for each photo.
    """

    model: str
    predictions: list[PredictionBody]


def predict_routes(engine: Engine, limits: Limits) -> APIRouter:
    """Return the route that reads photos."""
    router = APIRouter()

    @router.post(
        "/v1/predict",
        summary="Read the sign in one or more photos",
        description="Up to 100 photos and 10 MB a request: JPEG, PNG, WebP, GIF or BMP of at most 50 "
        "megapixels. Send a form with one or more files `image`, or the bytes of one photo. One photo that "
        "cannot be read makes the whole request fail, and the message says which.",
        response_model=PredictionsBody,
        responses={
            200: {"content": {"application/json": {"example": _EXAMPLE}}},
            **documented(400, 401, 403, 408, 409, 413, 415, 422, 503),
        },
        openapi_extra={"requestBody": _BODY},
    )
    async def predict(
        request: Request,
        mirrored: Annotated[
            bool, Query(description="Whether the photos are mirror images; they are flipped back first.")
        ] = False,
    ) -> JSONResponse:
        uploads = await read_upload(request, limits)
        readings = await read_photos(engine, [upload.data for upload in uploads], limits, mirrored=mirrored)
        found = [_body(reading, upload) for reading, upload in zip(readings, uploads, strict=True)]
        return JSONResponse({"model": readings[0].model, "predictions": found})

    return router


async def read_photos(
    engine: Engine, photos: Sequence[bytes], limits: Limits, *, mirrored: bool
) -> list[Reading]:
    """Have photos read, or say which one cannot be.

    Args:
        engine: What reads.
        photos: N image files' bytes.
        limits: How long it may take.
        mirrored: Whether they are mirror images.

    Raises:
        NoRecogniserError: There is nothing to read with yet.
        BusyError: Too many photos are waiting.
        Problem: A photo cannot be read, or it takes too long.
    """
    futures = [asyncio.wrap_future(future) for future in engine.submit(photos, mirrored=mirrored)]
    try:
        async with asyncio.timeout(limits.answer_seconds):
            found = await asyncio.gather(*futures, return_exceptions=True)
    except TimeoutError as error:
        raise Problem(
            503, "The photos were not read in time; try again later.", {"Retry-After": "5"}
        ) from error
    for number, reading in enumerate(found, start=1):
        if isinstance(reading, HandshapeError):
            problem = problem_of(reading)
            if len(found) > 1:
                raise Problem(problem.status_code, f"Photo {number}: {problem.detail}") from reading
            raise problem from reading
        if isinstance(reading, BaseException):
            raise reading
    return found  # type: ignore[return-value]


def _body(reading: Reading, upload: Upload) -> dict[str, Any]:
    found = {
        "label": reading.label,
        "probability": reading.probability,
        "sure": reading.sure,
        "top": reading.top,
    }
    return found if upload.name is None else {**found, "name": upload.name}

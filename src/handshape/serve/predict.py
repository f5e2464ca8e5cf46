"""``POST /v1/predict``: photos in, predictions out."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from handshape.errors import HandshapeError
from handshape.serve.errors import HttpError, documented
from handshape.serve.limits import Limits
from handshape.serve.prediction_queue import Predicted, PredictionQueue, Tracker
from handshape.serve.upload import read_uploads
from handshape.types import Prediction

_EXAMPLE = Prediction("B", 0.9731, (("B", 0.9731), ("F", 0.0148), ("D", 0.0062))).to_dict()
_EXAMPLES = {
    "model": "3f0c1a7b9d2e4c5f8a6b7c8d9e0f1a2b",
    "predictions": [{**_EXAMPLE, "name": "hand.jpg"}],
}
_PHOTO = {"type": "string", "format": "binary"}
_PHOTOS = {"type": "array", "items": _PHOTO, "minItems": 1, "maxItems": Limits().photos}
_FORM = {"type": "object", "required": ["image"], "properties": {"image": _PHOTOS}}
_KINDS = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {"schema": _FORM},
        **{kind: {"schema": _PHOTO} for kind in _KINDS},
    },
}


class PredictionBody(BaseModel):
    """The prediction of one photo.

    Args:
        label: The most probable label; ``no hand`` where no hand was found; ``unsure`` where the probability
            is below the threshold.
        probability: Probability of the most probable label.
        sure: Whether it reaches the recogniser's threshold and the label is an answer.
        hand_found: Whether a hand was found; null where none was looked for.
        right_hand: Whether it is a right hand, as others see it; null where no hand was found.
        top: The most probable labels with their probabilities, best first.
        name: The file's name as it was sent.
    """

    label: str
    probability: float
    sure: bool
    hand_found: bool | None
    right_hand: bool | None
    top: list[tuple[str, float]]
    name: str | None = None


class PredictionsBody(BaseModel):
    """Predictions in the order of the photos.

    Args:
        model: Digest of the recogniser.
        predictions: One for each photo.
    """

    model: str
    predictions: list[PredictionBody]


def add_predict_route(app: FastAPI, queue: PredictionQueue, limits: Limits) -> None:
    """Add the route that predicts photos."""

    @app.post(
        "/v1/predict",
        summary="Predict the sign in one or more photos",
        description="Up to 100 photos and 10 MB a request: JPEG, PNG, WebP, GIF or BMP of at most 50 "
        "megapixels. Send a form with one or more files `image`, or the bytes of one photo. If one photo "
        "cannot be opened, the whole request fails, and the message names it.",
        response_model=PredictionsBody,
        responses={
            200: {"content": {"application/json": {"example": _EXAMPLES}}},
            **documented(400, 401, 403, 408, 409, 413, 415, 422, 503),
        },
        openapi_extra={"requestBody": _BODY},
    )
    async def predict(
        request: Request,
        mirrored: Annotated[
            bool, Query(description="Whether the photos are mirror images; they are flipped first.")
        ] = False,
    ) -> JSONResponse:
        uploads = await read_uploads(request, limits)
        photos = [data for data, _ in uploads]
        predictions = await predict_photos(queue, photos, limits, mirrored=mirrored)
        found = [
            {**one.prediction.to_dict(), **({} if name is None else {"name": name})}
            for one, (_, name) in zip(predictions, uploads, strict=True)
        ]
        return JSONResponse({"model": predictions[-1].model, "predictions": found})


async def predict_photos(
    queue: PredictionQueue,
    photos: Sequence[bytes],
    limits: Limits,
    *,
    mirrored: bool,
    tracker: Tracker | None = None,
) -> list[Predicted]:
    """Predict photos, all or none.

    Args:
        queue: Predicts them.
        photos: N image files' bytes.
        limits: How long it may take.
        mirrored: Whether they are mirror images.
        tracker: Of the stream whose next frame this is.

    Returns:
        N predictions.

    Raises:
        NoRecogniserError: There is no recogniser yet.
        BusyError: Too many photos are waiting.
        HttpError: A photo cannot be opened, or it takes too long.
    """
    futures = [
        asyncio.wrap_future(future) for future in queue.submit(photos, mirrored=mirrored, tracker=tracker)
    ]
    try:
        async with asyncio.timeout(limits.answer_seconds):
            results = await asyncio.gather(*futures, return_exceptions=True)
    except TimeoutError as error:
        raise HttpError(503, "The photos were not predicted in time; try again later.") from error
    predictions = []
    for number, result in enumerate(results, start=1):
        if isinstance(result, HandshapeError):
            found = HttpError.of(result)
            if len(results) > 1:
                found = HttpError(found.status_code, f"Photo {number}: {found.detail}")
            raise found from result
        if isinstance(result, BaseException):
            raise result
        predictions.append(result)
    return predictions

"""``/v1/teach``: photos in and out of the folder, training, and using the trained recogniser."""

import asyncio
import mimetypes
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from handshape.serve.access import is_loopback
from handshape.serve.errors import HttpError, documented
from handshape.serve.limits import Limits
from handshape.serve.phone import Phone
from handshape.serve.teach.downloads import NAMES, Download, download
from handshape.serve.teach.hand_landmarks import LandmarkList
from handshape.serve.teach.teacher import Teacher, Which

_T = TypeVar("_T")
_JPEG = {"required": True, "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}


class HandBody(BaseModel):
    """The hand in a photo.

    Args:
        hand: 21 landmarks from the wrist to the tip of the little finger, x to the right and y down, as
            fractions of the photo's width and height; null where no hand was found.
    """

    hand: LandmarkList | None


class PhotoBody(HandBody):
    """A photo that was saved.

    Args:
        label: The sign.
        name: Name of its file.
        signer: The signer.
        hand: Its landmarks; null where no hand was found.
    """

    label: str
    name: str
    signer: str


class UseBody(BaseModel):
    """The recogniser to use.

    Args:
        which: The one that was taught, or the one that the server started with.
    """

    which: Which


class _Archive(StreamingResponse):
    """An archive that is made while it is sent, a few at a time.

    Args:
        parts: Its pieces.
        free: Counts the archives that may still be made.
        headers: Of the answer.
    """

    def __init__(self, parts: Iterator[bytes], free: asyncio.Semaphore, headers: dict[str, str]) -> None:
        super().__init__(parts, media_type="application/zip", headers=headers)
        self._free = free

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        async with self._free:
            await super().__call__(scope, receive, send)


def add_teach_routes(app: FastAPI, teacher: Teacher, limits: Limits, phone: Phone | None = None) -> None:
    """Add the routes of Teach; ``phone`` says how a phone opens the page."""
    free, one_state = asyncio.Semaphore(limits.downloads), asyncio.Lock()
    trainers = ThreadPoolExecutor(2)  # the second is refused

    async def done(future: "Future[_T]") -> _T:
        try:
            async with asyncio.timeout(limits.answer_seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            raise HttpError(503, "The photo was not decoded in time; try again later.") from error

    def make_state(request: Request) -> JSONResponse:
        here = request.client is not None and is_loopback(request.client.host)
        return JSONResponse({**teacher.state(), "phone": phone and phone.to_dict(with_token=here)})

    async def state_for(request: Request) -> JSONResponse:
        # On a thread, for thousands of photos take a while; and one by one, for such threads share one core
        # with the loop that answers everything else.
        async with one_state:
            return await run_in_threadpool(make_state, request)

    @app.get(
        "/v1/teach",
        summary="List the photos and what was taught",
        response_model=dict[str, Any],
        responses=documented(401, 403),
    )
    async def state(request: Request) -> JSONResponse:
        return await state_for(request)

    @app.get(
        "/v1/teach/download/{what}",
        summary="Take away the photos, the bundle or the page, as a zip archive",
        description="`photos` is the project file: label folders with a description, which `handshape add` "
        "and Teach read. `page` runs in a browser and needs only a web server; what runs it is downloaded "
        "once, with npm.",
        response_class=Response,
        responses={200: {"content": {"application/zip": {}}}, **documented(401, 403, 422, 503)},
    )
    async def take_away(what: Download) -> Response:
        if free.locked():
            raise HttpError(503, f"{limits.downloads} archives are being made; try again in a minute.")
        async with free:
            parts = await run_in_threadpool(download, teacher, what)
        head = {"content-disposition": f'attachment; filename="{NAMES[what]}"'}
        return _Archive(parts, free, headers=head)

    @app.post(
        "/v1/teach/photos",
        summary="Save a photo",
        description="A JPEG of at most 2 MB. It is on the disk when this answers; the same bytes are saved "
        "once. `hand` holds the hand landmarks, or `null` where no hand was found; the photo is saved all "
        "the same.",
        status_code=201,
        responses=documented(400, 401, 403, 408, 413, 415, 422, 503),
        openapi_extra={"requestBody": _JPEG},
    )
    async def add(
        request: Request,
        label: Annotated[str, Query(description="The sign; it becomes the name of a folder.")],
        signer: Annotated[str, Query(description="The signer; it becomes part of the file's name.")],
    ) -> PhotoBody:
        photo, hand = await done(teacher.add(label, signer, await request.body()))
        return PhotoBody(label=photo.label, name=photo.name, signer=photo.signer, hand=hand)

    @app.get(
        "/v1/teach/photos/{label}/{name}",
        summary="Get a photo",
        response_class=Response,
        responses={200: {"content": {"image/jpeg": {}}}, **documented(401, 403, 404, 422)},
    )
    async def show(label: str, name: str) -> Response:
        data = await run_in_threadpool(teacher.folder.read, label, name)
        return Response(data, media_type=mimetypes.guess_type(name)[0])

    @app.get(
        "/v1/teach/photos/{label}/{name}/hand",
        summary="Get the hand landmarks of a photo",
        responses=documented(401, 403, 404, 422, 503),
    )
    async def hand(label: str, name: str) -> HandBody:
        return HandBody(hand=await done(await run_in_threadpool(teacher.landmarks, label, name)))

    @app.delete(
        "/v1/teach/photos/{label}/{name}",
        summary="Move a photo to the bin",
        status_code=204,
        responses=documented(401, 403, 404, 422, 503),
    )
    async def remove(label: str, name: str) -> None:
        await run_in_threadpool(teacher.folder.remove, label, name)

    @app.post(
        "/v1/teach/photos/{label}/{name}/restore",
        summary="Put a photo back from the bin",
        status_code=204,
        responses=documented(401, 403, 404, 422, 503),
    )
    async def restore(label: str, name: str) -> None:
        await run_in_threadpool(teacher.folder.restore, label, name)

    @app.post(
        "/v1/teach/train",
        summary="Train on the photos",
        response_model=dict[str, Any],
        responses=documented(401, 403, 422, 500, 503),
    )
    async def train(request: Request) -> JSONResponse:
        # On a thread that is not waited for when the server stops: the training is ended afterwards.
        await asyncio.wrap_future(trainers.submit(teacher.train))
        return await state_for(request)

    @app.post(
        "/v1/teach/use",
        summary="Choose the recogniser to predict with",
        response_model=dict[str, Any],
        responses=documented(400, 401, 403, 408, 413, 422),
    )
    async def use(request: Request, body: UseBody) -> JSONResponse:
        teacher.use(body.which)
        return await state_for(request)

"""``/v1/teach``: photos in and out of the album, training, and using what it taught."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from handshape.serve.errors import documented
from handshape.serve.teach.hands import Points
from handshape.serve.teach.teacher import Teacher

_JPEG = {"required": True, "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}


class PhotoBody(BaseModel):
    """A photo that is on the disk.

    Args:
        label: The sign.
        name: Name of its file.
        signer: Who signs.
        hand: Where its hand is, see `HandBody`.
    """

    label: str
    name: str
    signer: str
    hand: Points | None


class HandBody(BaseModel):
    """The hand in a photo.

    Args:
        hand: 21 landmarks from the wrist to the tip of the little finger, x to the right and y down, in
            shares of the photo's sides; null where no hand was found.
    """

    hand: Points | None


class UseBody(BaseModel):
    """Which recogniser to read with.

    Args:
        which: The taught one, or the one that the server started with.
    """

    which: Literal["taught", "started"]


def teach_routes(teacher: Teacher) -> APIRouter:
    """Return the routes of one teacher."""
    router = APIRouter(prefix="/v1/teach")

    @router.get("", summary="Tell the photos, and what was taught", responses=documented(401, 403))
    async def state() -> dict[str, Any]:
        return await run_in_threadpool(teacher.state)

    @router.post(
        "/photos",
        summary="Keep a photo",
        description="A JPEG of at most 2 MB. It is on the disk when this answers; the same bytes again are "
        "kept once. The answer says where the hand is: `null` for a photo in which none was found, which is "
        "kept all the same.",
        status_code=201,
        responses=documented(400, 401, 403, 408, 413, 415, 422, 503),
        openapi_extra={"requestBody": _JPEG},
    )
    async def add(
        request: Request,
        label: Annotated[str, Query(description="The sign; it becomes the name of a folder.")],
        signer: Annotated[str, Query(description="Who signs; it becomes part of the file's name.")],
    ) -> PhotoBody:
        photo, hand = await run_in_threadpool(teacher.add, label, signer, await request.body())
        return PhotoBody(label=photo.label, name=photo.name, signer=photo.signer, hand=hand)

    @router.get(
        "/photos/{label}/{name}",
        summary="Show a photo",
        response_class=Response,
        responses={200: {"content": {"image/jpeg": {}}}, **documented(401, 403, 404)},
    )
    async def show(label: str, name: str) -> FileResponse:
        return FileResponse(await run_in_threadpool(teacher.album.path, label, name))

    @router.get(
        "/photos/{label}/{name}/hand",
        summary="Say where the hand is in a photo",
        responses=documented(401, 403, 404, 422, 503),
    )
    async def hand(label: str, name: str) -> HandBody:
        return HandBody(hand=await run_in_threadpool(teacher.hand, label, name))

    @router.delete(
        "/photos/{label}/{name}",
        summary="Move a photo to the bin",
        status_code=204,
        responses=documented(401, 403, 404, 422, 503),
    )
    async def remove(label: str, name: str) -> None:
        await run_in_threadpool(teacher.album.remove, label, name)

    @router.post(
        "/photos/{label}/{name}/restore",
        summary="Put a photo back from the bin",
        status_code=204,
        responses=documented(401, 403, 404, 422, 503),
    )
    async def restore(label: str, name: str) -> None:
        await run_in_threadpool(teacher.album.restore, label, name)

    @router.post("/train", summary="Train on the photos", responses=documented(401, 403, 422, 503))
    async def train() -> dict[str, Any]:
        await run_in_threadpool(teacher.train)
        return await run_in_threadpool(teacher.state)

    @router.post(
        "/use",
        summary="Choose the recogniser to read with",
        responses=documented(400, 401, 403, 408, 413, 422),
    )
    async def use(body: UseBody) -> dict[str, Any]:
        teacher.use(body.which)
        return await run_in_threadpool(teacher.state)

    return router

"""Photos of a request, kept in memory and never written to disk."""

from pathlib import PureWindowsPath

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from handshape.serve.errors import HttpError
from handshape.serve.limits import Limits

Upload = tuple[bytes, str | None]
"""A photo and its file name as it was sent; the name is sent back, and never used as a path."""

_NAME_LENGTH = 255


class _Parser(MultiPartParser):
    # Starlette writes larger files to disk; no request is that long.
    spool_max_size = 2**40


async def read_uploads(request: Request, limits: Limits) -> list[Upload]:
    """Read the photos of a request: a form with one or more files ``image``, or the bytes of one photo."""
    kind = request.headers.get("content-type", "application/octet-stream").split(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _read_form(request, limits)
    if kind.startswith("image/") or kind == "application/octet-stream":
        return [(await request.body(), None)]
    raise HttpError(
        415,
        f"The content type is {kind!r}; expected multipart/form-data with a file 'image', or the bytes of a "
        "photo as image/jpeg, image/png, image/webp or application/octet-stream; send it as one of these.",
    )


async def _read_form(request: Request, limits: Limits) -> list[Upload]:
    parser = _Parser(request.headers, request.stream(), max_files=limits.photos, max_fields=limits.photos)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError, UnicodeError) as error:
        reason = getattr(error, "message", "") or str(error)
        raise HttpError(400, f"The form cannot be read: {reason}") from error
    try:
        return [(await file.read(), _name_of(file)) for file in _files(form)]
    finally:
        await form.close()


def _files(form: FormData) -> list[UploadFile]:
    values = form.getlist("image")
    files = [value for value in values if isinstance(value, UploadFile)]
    if not files or len(files) < len(values):
        raise HttpError(
            422, "The form has no file 'image'; expected one or more; send photos as files of that name."
        )
    return files


def _name_of(file: UploadFile) -> str | None:
    # The name is only sent back, but no honest client sends a path.
    if file.filename is None:
        return None
    name = file.filename.encode("utf-8", "replace").decode("utf-8")[:_NAME_LENGTH]
    path = PureWindowsPath(name)  # takes both kinds of slash
    if path.is_absolute() or path.anchor or ".." in path.parts or any(ord(sign) < 32 for sign in name):
        raise HttpError(
            422,
            f"The file name {name!r} leads out of its folder; expected a plain name; rename the file.",
        )
    return name

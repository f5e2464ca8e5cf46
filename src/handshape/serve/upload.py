"""Photos out of a request, held in memory and never on disk."""

from dataclasses import dataclass
from pathlib import PureWindowsPath

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from handshape.serve.errors import Problem
from handshape.serve.settings import Limits

_NAME = 255


@dataclass(frozen=True)
class Upload:
    """One photo as it was sent.

    Args:
        data: The file's bytes.
        name: What the sender calls it; never used as a path.
    """

    data: bytes
    name: str | None = None


class _Parser(MultiPartParser):
    # Above this Starlette would write a file to disk; no request is that long.
    spool_max_size = 2**40


async def read_upload(request: Request, limits: Limits) -> list[Upload]:
    """Read the photos of a request: a form with one or more files ``image``, or the bare bytes of one.

    Args:
        request: The request; the guard before it counts its bytes.
        limits: How many photos it may hold.

    Raises:
        Problem: The form is damaged, has no ``image`` or too many, or the content type is another one.
    """
    kind = request.headers.get("content-type", "application/octet-stream").split(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return await _read_form(request, limits)
    if kind.startswith("image/") or kind == "application/octet-stream":
        return [Upload(await request.body())]
    raise Problem(
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
        raise Problem(400, f"The form cannot be read: {reason}") from error
    try:
        return [Upload(await file.read(), _name_of(file)) for file in _files(form)]
    finally:
        await form.close()


def _files(form: FormData) -> list[UploadFile]:
    values = form.getlist("image")
    files = [value for value in values if isinstance(value, UploadFile)]
    if not files or len(files) < len(values):
        raise Problem(
            422, "The form has no file 'image'; expected one or more; send photos as files of that name."
        )
    return files


def _name_of(file: UploadFile) -> str | None:
    """Return a file's name; it is only told back, but nobody honest sends one that leads elsewhere."""
    if file.filename is None:
        return None
    name = file.filename.encode("utf-8", "replace").decode("utf-8")[:_NAME]
    path = PureWindowsPath(name)  # takes both kinds of slash
    if path.is_absolute() or path.anchor or ".." in path.parts or any(ord(sign) < 32 for sign in name):
        raise Problem(
            422,
            f"The file name {name!r} is a path to somewhere else; expected a plain name; rename the file.",
        )
    return name

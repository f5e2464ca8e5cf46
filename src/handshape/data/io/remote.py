"""List labelled images at an address: in S3, or elsewhere that pyarrow can read."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pyarrow as pa
from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType

from handshape.data.dataset import SPLIT_NAMES, Dataset, Sample
from handshape.data.io.folder import BY_FOLDER, SYSTEM_FILES, choose_samples
from handshape.errors import DataError, DataNotFoundError

# A server's error as Arrow reports it, such as "AWS Error NO_SUCH_BUCKET during ListObjectsV2 operation:
# ...".
_ANSWER = re.compile(r"AWS Error (\w+)(?: \(.*?\))? during \w+ operation: (.*?)(?: \(Request ID: \S+\))?$")
_REFUSED = {
    *("ACCESS_DENIED", "SIGNATURE_DOES_NOT_MATCH", "INVALID_ACCESS_KEY_ID", "INVALID_CLIENT_TOKEN_ID"),
    *("INCOMPLETE_SIGNATURE", "MISSING_AUTHENTICATION_TOKEN", "UNRECOGNIZED_CLIENT", "REQUEST_EXPIRED"),
}
# An address may contain a key and its secret before the bucket.
_SECRET = re.compile(r"(?<=://)[^/?#]*@")


def read_address(
    address: str, *, labels: str | None = None, signer: str | None = None, source: str | None = None
) -> tuple[FileSystem, Dataset]:
    """List the labelled images at an address, without reading any.

    Args:
        address: Of a folder in one of the layouts of `read_folder`, such as ``s3://bucket/photos`` or
            ``file:///photos``.
        labels: As for `read_folder`.
        signer: As for `read_folder`.
        source: Regular expression, as for `read_folder`.

    Returns:
        The file system, and the data set with paths in that file system.

    Raises:
        DataNotFoundError: Nothing is at the address.
        DataError: The address cannot be read, or as for `read_folder`.

    Source: https://arrow.apache.org/docs/python/filesystems.html
    """
    shown = _SECRET.sub("", address)
    if source == BY_FOLDER:
        raise DataError(
            f"--source folder at {shown!r}",
            r"an expression that finds the source in paths, such as 'room(\d+)_'",
            "give one, or leave it out",
        )
    try:
        system, root = FileSystem.from_uri(address)
        found = system.get_file_info(FileSelector(root, recursive=True))
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(shown, error) from error
    rows = list(_samples(PurePosixPath(root), found))
    return system, choose_samples(shown, Path(root), rows, labels, signer, source, exists=lambda path: True)


def _unreadable(address: str, error: Exception) -> DataError:
    said = str(error).strip().splitlines()[0]
    answer = _ANSWER.search(said)
    kind, reason = answer.groups() if answer else ("", said)
    reason = reason.rstrip(".")
    if isinstance(error, FileNotFoundError):
        return DataNotFoundError(
            f"no folder at {address!r}", "a folder of label folders", "check the address"
        )
    if kind == "NO_SUCH_BUCKET" or re.search(r"Bucket '.*' not found", said):
        return DataNotFoundError(
            f"no bucket at {address!r}",
            "s3://bucket/folder",
            "check the address, and the server in AWS_ENDPOINT_URL",
        )
    if kind in _REFUSED:
        return DataError(
            f"{address!r} was refused ({reason})",
            "credentials that may list and read the bucket",
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, here and on every node",
        )
    return DataError(
        f"cannot read {address!r} ({reason or said})",
        "an address that pyarrow reads, such as s3://bucket/photos",
        "check the address, your permission to read it, and for S3 AWS_ENDPOINT_URL",
    )


def _samples(root: PurePosixPath, found: list[FileInfo]) -> Iterator[Sample]:
    files = [PurePosixPath(one.path).relative_to(root) for one in found if one.type == FileType.File]
    kept = sorted(file for file in files if not any(map(_is_left_out, file.parts)))
    tops = {file.parts[0] for file in kept if len(file.parts) > 2} & SPLIT_NAMES.keys()
    given = "train" in tops and len(tops) > 1
    for file in kept:
        split = SPLIT_NAMES.get(file.parts[0]) if given else None
        below = file.parts[1:] if given else file.parts
        if len(below) > 1 and (split or not given):
            yield Sample(Path(root / file), str(file), below[0], None, split)


def _is_left_out(part: str) -> bool:
    return part.startswith(".") or part.lower() in SYSTEM_FILES

"""List labelled images at an address: in S3, or elsewhere that pyarrow can read."""

import re
from pathlib import Path, PurePosixPath

import pyarrow as pa
from pyarrow.fs import FileSelector, FileSystem, FileType

from handshape.data.dataset import Dataset
from handshape.data.io.folder import choose_samples
from handshape.data.io.found import BY_FOLDER, LayoutOption, Reading
from handshape.data.io.layouts import recognise
from handshape.data.io.path_patterns import compile_pattern
from handshape.data.io.tree import File, tree_of
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
    address: str,
    *,
    labels: str | None = None,
    signer: str | None = None,
    source: str | None = None,
    label_from: str | None = None,
    layout: LayoutOption = "auto",
) -> tuple[FileSystem, Dataset]:
    """List the labelled images at an address, without reading any.

    Args:
        address: Of a folder in one of the layouts of `read_folder` without tables, such as
            ``s3://bucket/photos`` or ``file:///photos``.
        labels: As for `read_folder`.
        signer: As for `read_folder`.
        source: As for `read_folder`.
        label_from: As for `read_folder`.
        layout: As for `read_folder`.

    Returns:
        The file system, and the data set with paths in that file system.

    Raises:
        DataNotFoundError: Nothing is at the address.
        DataError: The address cannot be read, or as for `read_folder`.

    Source: https://arrow.apache.org/docs/python/filesystems.html
    """
    shown = _SECRET.sub("", address)
    pattern = compile_pattern("label-from", label_from) if label_from is not None else None
    wanted = Reading(signer=signer, source=source, label_from=pattern, layout=layout)
    try:
        system, root = FileSystem.from_uri(address)
        listed = system.get_file_info(FileSelector(root, recursive=True))
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(shown, error) from error
    top = PurePosixPath(root)
    files = [PurePosixPath(one.path) for one in listed if one.type == FileType.File]
    tree = tree_of(Path(root), (File(Path(file), str(file.relative_to(top))) for file in files))
    found = recognise(tree, wanted, shown)
    from_paths = [None if pattern == BY_FOLDER else pattern for pattern in (signer, source)]
    return system, choose_samples(found, Path(root), labels, *from_paths)


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

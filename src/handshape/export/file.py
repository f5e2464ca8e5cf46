"""Write an exported model, under a temporary name until it is checked."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx

from handshape.cache.atomic import reserve
from handshape.cache.disk_errors import explain_write_errors
from handshape.errors import OutputError
from handshape.export.metadata import Metadata


@contextmanager
def new_file(out: Path) -> Iterator[Path]:
    """Yield a temporary path that becomes ``out`` when the block ends without an error.

    Args:
        out: File to write; an earlier one is replaced.

    Raises:
        OutputError: It cannot be written, or another process writes it.
    """
    if out.is_dir():
        raise OutputError(f"{str(out)!r} is a folder", "the name of a file", "choose another --out")
    with appearing(out) as partial:
        yield partial


@contextmanager
def appearing(out: Path) -> Iterator[Path]:
    """Yield a temporary path of a file or folder that becomes ``out`` when the block ends without an error.

    Args:
        out: File or folder to write; an earlier one is replaced.

    Raises:
        OutputError: It cannot be written, or another process writes it.
    """
    expected = "a file or folder that you can write"
    with (
        explain_write_errors(repr(str(out)), "choose another --out", expected=expected),
        reserve(out.resolve(), repr(str(out))) as reserved,
        reserved.new() as partial,
    ):
        yield partial


def write_model(model: onnx.ModelProto, metadata: Metadata, path: Path) -> None:
    """Write a model with its metadata."""
    onnx.helper.set_model_props(model, metadata.to_properties())
    onnx.save(model, path)

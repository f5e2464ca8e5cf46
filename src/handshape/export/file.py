"""Write an exported model: under a temporary name until it is shown to answer as it should."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import onnx

from handshape.errors import HandshapeError, OutputError
from handshape.export.metadata import Metadata


@contextmanager
def new_file(out: Path) -> Iterator[Path]:
    """Give a temporary name that becomes ``out`` when the block ends without an error.

    Args:
        out: File to write; an earlier one is replaced.

    Raises:
        OutputError: It cannot be written.
    """
    if out.is_dir():
        raise OutputError(f"{str(out)!r} is a folder", "the name of a file", "choose another --out")
    partial = out.with_name(f".{out.stem}.{os.getpid()}.partial{out.suffix}")
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(out)
    except HandshapeError:  # some are OSErrors too, and say better what was wrong
        raise
    except OSError as error:
        raise OutputError(
            f"cannot write {str(out)!r} ({error.strerror or error})",
            "a place that can be written to",
            "choose another --out",
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink()


def write_model(model: onnx.ModelProto, metadata: Metadata, path: Path) -> None:
    """Write a model with what it says of itself."""
    onnx.helper.set_model_props(model, metadata.to_properties())
    onnx.save(model, path)

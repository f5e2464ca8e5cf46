"""Settings of ``handshape export``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from handshape.config.fields import Settings, argument, option
from handshape.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class ExportConfig(Settings):
    """Write a recogniser as one ONNX graph, once it is shown to answer as torch does."""

    bundle: Path = argument("Folder of a recogniser or of the run that made it.", first=True)
    format: Literal["onnx"] = option("onnx", "onnx: one file, from pixels of any size to probabilities.")
    out: Path | None = option(
        None, "File to write (default: model.onnx in the bundle, where `handshape serve` finds it)."
    )
    images: Path | None = option(
        None, "Folder of photos to check on (default: those the recogniser was trained and tested on)."
    )

    def __post_init__(self) -> None:
        """Check that the file's name says what it is."""
        if self.out is not None and self.out.suffix != ".onnx":
            raise UsageError(f"--out {str(self.out)!r}", "the name of a file that ends in .onnx", "rename it")

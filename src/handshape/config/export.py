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
    format: Literal["onnx", "web"] = option(
        "onnx",
        "onnx: one file, from pixels of any size to probabilities; web: a folder that any web server offers.",
    )
    out: Path | None = option(
        None,
        "File or folder to write (default: model.onnx in the bundle, which `handshape serve` uses; or web).",
    )
    precision: Literal["fp32", "int8"] = option(
        "fp32",
        "int8: 8-bit numbers, their ranges measured on training photos; smaller and faster, less exact.",
    )
    images: Path | None = option(
        None, "Folder of photos to check on (default: those the recogniser was trained and tested on)."
    )

    runtime: Path | None = option(
        None, "Folder `dist` of onnxruntime-web, for web (default: fetched once with npm)."
    )

    def __post_init__(self) -> None:
        """Check that a file's name says what it is."""
        super().__post_init__()
        if self.format == "onnx" and self.out is not None and self.out.suffix != ".onnx":
            raise UsageError(f"--out {str(self.out)!r}", "the name of a file that ends in .onnx", "rename it")

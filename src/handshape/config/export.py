"""Settings of ``handshape export``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from handshape.config.engine import EngineOptions
from handshape.config.fields import argument, option
from handshape.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class ExportConfig(EngineOptions):
    """Export a recogniser to ONNX or to a web page."""

    bundle: Path = argument("Folder of a run or of its recogniser, asl, or hub:owner/name.", first=True)
    format: Literal["onnx", "web"] = option(
        "onnx",
        "onnx: one file, from pixels to probabilities. web: a folder with a page that runs in the browser.",
    )
    out: Path | None = option(
        None,
        "File or folder to write (default: model.onnx in the bundle, or the folder web).",
    )
    precision: Literal["fp32", "int8"] = option(
        "fp32",
        "int8 quantises the network to 8 bits: smaller and faster, less accurate.",
    )
    images: Path | None = option(
        None,
        "Folder of photos to compare the export with torch on (default: those of its run).",
    )

    runtime: Path | None = option(
        None, "Folder `dist` of onnxruntime-web, for web (default: downloaded once with npm)."
    )

    def __post_init__(self) -> None:
        """Check that a file's name says what it is."""
        super().__post_init__()
        if self.format == "onnx" and self.out is not None and self.out.suffix != ".onnx":
            raise UsageError(f"--out {str(self.out)!r}", "the name of a file that ends in .onnx", "rename it")

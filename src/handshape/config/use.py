"""Settings of the commands that look at data or use a recogniser."""

from dataclasses import dataclass
from pathlib import Path

from handshape.config.cluster import ClusterOptions, is_address
from handshape.config.data import DATA_HELP, DataConfig, DataOptions, OutConfig, ReadingOptions
from handshape.config.engine import EngineOptions
from handshape.config.fields import argument, option
from handshape.config.train import BackboneConfig
from handshape.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class InspectConfig(OutConfig, DataConfig):
    """Check a data set: counts, splits, problems."""

    out: Path | None = option(None, "Folder for a sample sheet and the figures (default: writes nothing).")


@dataclass(frozen=True, kw_only=True)
class FeaturesConfig(ClusterOptions, BackboneConfig, DataOptions):
    """Compute features, find hands, cache both."""

    data: str = argument(
        f"{DATA_HELP} With --engine ray also the address of a folder such as s3://bucket/photos."
    )

    def __post_init__(self) -> None:
        """Check that what is asked for fits together."""
        super().__post_init__()
        if self.engine == "ray" and self.device == "mps":
            raise UsageError("--device mps with --engine ray", "cpu or cuda", "leave one out")
        if self.engine == "ray" and self.precision == "int8":
            raise UsageError("--precision int8 with --engine ray", "fp32 or fp16", "leave one out")
        if is_address(self.data) and self.engine != "ray":
            raise UsageError(f"DATA {self.data!r}", "a folder or a table on this machine", "add --engine ray")


@dataclass(frozen=True, kw_only=True)
class AddConfig(OutConfig, ReadingOptions):
    """Add signs to a recogniser."""

    bundle: Path = argument("Folder of a run or of its recogniser, asl, or hub:owner/name.", first=True)
    data: Path = argument(f"{DATA_HELP} Also the project file that Teach saves.")


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(OutConfig, DataConfig):
    """Measure a recogniser on new photos."""

    bundle: Path = argument("Folder of a run or of its recogniser, asl, or hub:owner/name.", first=True)
    out: Path | None = option(None, "Folder of the report (default: writes nothing).")
    include_known: bool = option(False, "Measure photos that the recogniser was trained on as well.")


@dataclass(frozen=True, kw_only=True)
class PredictConfig(EngineOptions):
    """Predict the labels of photos."""

    bundle: Path = argument("Folder of a run or of its recogniser, asl, or hub:owner/name.", first=True)
    images: list[Path] = argument("Photos, folders of photos, and videos (extra `video`).")
    csv: bool = option(False, "Print a CSV table with a head.")

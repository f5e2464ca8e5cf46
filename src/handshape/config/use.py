"""Settings of the commands that look at data or use a recogniser."""

from dataclasses import dataclass
from pathlib import Path

from handshape.config.cluster import ClusterOptions, is_address
from handshape.config.data import DATA_HELP, DataConfig, DataOptions, OutConfig
from handshape.config.fields import Settings, argument, option
from handshape.config.train import BackboneConfig
from handshape.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class InspectConfig(OutConfig, DataConfig):
    """Say what is in a data set and what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class FeaturesConfig(ClusterOptions, BackboneConfig, DataOptions):
    """Fill the feature store, say what is in it, or let go of photos that are no longer there."""

    data: str | None = argument(
        f"{DATA_HELP} With --engine ray also the address of a folder, such as s3://bucket/photos.",
        optional=True,
    )
    info: bool = option(False, "Only say what the store holds; no DATA is needed.")
    prune: bool = option(
        False,
        "Only drop what was kept of photos that are no longer in DATA and were seen in no other folder.",
    )

    def __post_init__(self) -> None:
        """Check that what is asked for fits together."""
        super().__post_init__()
        if self.data is None and not self.info:
            raise UsageError("no DATA", "a folder of photos", "name it, or ask for --info")
        if self.info and self.prune:
            raise UsageError("--info with --prune", "one of the two", "leave one out")
        if self.engine == "ray" and self.device == "mps":
            raise UsageError("--device mps with --engine ray", "cpu or cuda", "leave one out")
        if self.data is not None and is_address(self.data) and self.engine != "ray":
            raise UsageError(f"DATA {self.data!r}", "a folder or a table on this machine", "add --engine ray")


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(OutConfig, DataConfig):
    """Measure a recogniser on photos it has never seen; only with --out is a run written."""

    bundle: Path = argument(
        "Folder of a recogniser or of the run that made it, or hub:owner/name.", first=True
    )


@dataclass(frozen=True, kw_only=True)
class AdaptConfig(OutConfig):
    """Adapt a recogniser of --recipe best to a room it has never seen, by photos without labels."""

    bundle: Path = argument(
        "Folder of a recogniser or of the run that made it, or hub:owner/name.", first=True
    )
    unlabelled: Path | None = option(
        None, "Folder of photos of signs in the new room, of all labels as far as possible; 30 or more."
    )
    store: Path | None = option(None, "Folder of the feature store (default: the user's cache directory).")

    def __post_init__(self) -> None:
        """Check that there is something to adapt to."""
        super().__post_init__()
        if self.unlabelled is None:
            raise UsageError("no --unlabelled", "a folder of photos of the new room", "name it")


@dataclass(frozen=True, kw_only=True)
class PredictConfig(Settings):
    """Read the labels of images."""

    bundle: Path = argument(
        "Folder of a recogniser or of the run that made it, or hub:owner/name.", first=True
    )
    images: list[Path] = argument("Image files.")

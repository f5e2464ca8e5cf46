"""Settings of the commands that look at data or use a recogniser."""

from dataclasses import dataclass
from pathlib import Path

from handshape.config.data import DataConfig, OutConfig
from handshape.config.fields import Settings, argument
from handshape.config.train import BackboneConfig


@dataclass(frozen=True, kw_only=True)
class InspectConfig(OutConfig, DataConfig):
    """Say what is in a data set and what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class FeaturesConfig(BackboneConfig, DataConfig):
    """Fill the feature store."""


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(OutConfig, DataConfig):
    """Measure a recogniser on photos it has never seen; only with --out is a run written."""

    bundle: Path = argument(
        "Folder of a recogniser or of the run that made it, or hub:owner/name.", first=True
    )


@dataclass(frozen=True, kw_only=True)
class PredictConfig(Settings):
    """Read the labels of images."""

    bundle: Path = argument(
        "Folder of a recogniser or of the run that made it, or hub:owner/name.", first=True
    )
    images: list[Path] = argument("Image files.")

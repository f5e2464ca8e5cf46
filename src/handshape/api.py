"""The commands as Python functions: the same settings, the same defaults, the same results."""

from pathlib import Path
from typing import Any

from handshape.commands import compare as _compare
from handshape.commands import evaluate as _evaluate
from handshape.commands import export as _export
from handshape.commands import features as _features
from handshape.commands import inspect as _inspect
from handshape.commands import push as _push
from handshape.commands import train as _train
from handshape.config.export import ExportConfig
from handshape.config.push import PushConfig
from handshape.config.train import CompareConfig, TrainConfig
from handshape.config.use import EvaluateConfig, FeaturesConfig, InspectConfig


def inspect(data: str | Path, **settings: Any) -> dict[str, Any]:
    """Say what is in a data set; see `handshape.config.use.InspectConfig` for the settings."""
    return _inspect.inspect(InspectConfig(data=Path(data), **settings))


def extract(data: str | Path, **settings: Any) -> dict[str, Any]:
    """Fill the feature store; see `handshape.config.use.FeaturesConfig` for the settings."""
    return _features.features(FeaturesConfig(data=Path(data), **settings))


def train(data: str | Path, **settings: Any) -> dict[str, Any]:
    """Train one model; see `handshape.config.train.TrainConfig` for the settings."""
    return _train.train(TrainConfig(data=Path(data), **settings))


def compare(data: str | Path, **settings: Any) -> dict[str, Any]:
    """Compare models on one split; see `handshape.config.train.CompareConfig` for the settings."""
    return _compare.compare(CompareConfig(data=Path(data), **settings))


def evaluate(bundle: str | Path, data: str | Path, **settings: Any) -> dict[str, Any]:
    """Measure a recogniser on new photos; see `handshape.config.use.EvaluateConfig` for the settings."""
    return _evaluate.evaluate(EvaluateConfig(bundle=Path(bundle), data=Path(data), **settings))


def export_bundle(bundle: str | Path, **settings: Any) -> dict[str, Any]:
    """Export a recogniser to ONNX; see `handshape.config.export.ExportConfig` for the settings."""
    return _export.export(ExportConfig(bundle=Path(bundle), **settings))


def push(bundle: str | Path, repository: str, **settings: Any) -> dict[str, Any]:
    """Upload a recogniser to the hub; see `handshape.config.push.PushConfig` for the settings."""
    return _push.push(PushConfig(bundle=Path(bundle), repository=repository, **settings))

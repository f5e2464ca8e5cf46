"""The commands as Python functions: the same settings, the same defaults, the same results."""

from pathlib import Path
from typing import Any, get_type_hints

from handshape.commands import compare as _compare
from handshape.commands import draw as _draw
from handshape.commands import evaluate as _evaluate
from handshape.commands import export as _export
from handshape.commands import features as _features
from handshape.commands import inspect as _inspect
from handshape.commands import push as _push
from handshape.commands import study as _study
from handshape.commands import train as _train
from handshape.config.draw import DrawConfig
from handshape.config.engine import EngineOptions
from handshape.config.export import ExportConfig
from handshape.config.push import PushConfig
from handshape.config.study import StudyConfig
from handshape.config.train import CompareConfig, TrainConfig
from handshape.config.use import EvaluateConfig, FeaturesConfig, InspectConfig
from handshape.errors import UsageError
from handshape.inference.engine import configure


def inspect(data: str | Path, **settings: Any) -> dict[str, Any]:
    """Say what is in a data set; see `handshape.config.use.InspectConfig` for the settings."""
    return _run(_inspect.inspect, InspectConfig(data=Path(data), **settings))


def extract_features(data: str | Path, **settings: Any) -> dict[str, Any]:
    """Compute features and cache them; see `handshape.config.use.FeaturesConfig` for the settings."""
    return _run(_features.features, FeaturesConfig(data=str(data), **settings))


def train(data: str | Path, **settings: Any) -> dict[str, Any]:
    """Train one model; see `handshape.config.train.TrainConfig` for the settings."""
    return _run(_train.train, TrainConfig(data=Path(data), **settings))


def compare(data: str | Path, **settings: Any) -> dict[str, Any]:
    """Compare models on one split; see `handshape.config.train.CompareConfig` for the settings."""
    return _run(_compare.compare, CompareConfig(data=Path(data), **settings))


def evaluate(bundle: str | Path, data: str | Path, **settings: Any) -> dict[str, Any]:
    """Measure a recogniser on new photos; see `handshape.config.use.EvaluateConfig` for the settings."""
    return _run(_evaluate.evaluate, EvaluateConfig(bundle=Path(bundle), data=Path(data), **settings))


def export_bundle(bundle: str | Path, **settings: Any) -> dict[str, Any]:
    """Export a recogniser to ONNX; see `handshape.config.export.ExportConfig` for the settings."""
    return _run(_export.export, ExportConfig(bundle=Path(bundle), **settings))


def push(bundle: str | Path, repository: str, **settings: Any) -> dict[str, Any]:
    """Upload a recogniser to the hub; see `handshape.config.push.PushConfig` for the settings."""
    return _run(_push.push, PushConfig(bundle=Path(bundle), repository=repository, **settings))


def draw(out: str | Path, **settings: Any) -> dict[str, Any]:
    """Draw a data set of hand signs; see `handshape.config.draw.DrawConfig` for the settings."""
    return dict(_draw.draw(DrawConfig(out=Path(out), **settings)))


def study(name: str, data: str | Path, **settings: Any) -> dict[str, Any]:
    """Answer one of the lesson's questions on your own photos; see `handshape.config.study` for the settings.

    Args:
        name: Of the study, such as ``chirality``.
        data: The photos.
        settings: As on the command line.

    Raises:
        UsageError: There is no such study.
    """
    function = getattr(_study, name, None)
    settings_of = get_type_hints(function).get("config") if callable(function) else None
    if not (isinstance(settings_of, type) and issubclass(settings_of, StudyConfig)):
        raise UsageError(f"study {name!r}", "one that `handshape study --help` lists", "choose one of those")
    return _run(function, settings_of(**{"data": data, **settings}))


def _run(command: Any, config: Any) -> dict[str, Any]:
    if isinstance(config, EngineOptions):
        configure(config)
    found: dict[str, Any] = command(config)
    return found

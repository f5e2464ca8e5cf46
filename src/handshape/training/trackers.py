"""Callbacks for MLflow and TensorBoard; they need the extra ``track``."""

import os
from pathlib import Path
from typing import Any

from handshape.config.train import TrackerName
from handshape.errors import MissingExtraError
from handshape.progress import say
from handshape.training.callbacks import Callback
from handshape.training.history import Epoch

EXPERIMENT = "handshape"
"""Name of the experiment in MLflow."""
_FOLDER = "tensorboard"


def make_tracker(name: TrackerName, out: Path, settings: dict[str, Any]) -> list[Callback]:
    """Return the tracker that a command asks for, if any.

    Args:
        name: Of the tracker, or ``none``.
        out: Folder of the run that will be written.
        settings: Of the command, for the tracker's table of runs.

    Raises:
        MissingExtraError: The extra ``track`` is not installed.
    """
    if name == "none":
        return []
    return [MlflowTracker(out.name, settings) if name == "mlflow" else TensorBoardTracker(out)]


class MlflowTracker(Callback):
    """Sends epochs, accuracies and the report to ``MLFLOW_TRACKING_URI``, else into the folder ``mlruns``.

    Args:
        name: Of the run.
        settings: Of the training.
        address: Of the tracking server or folder, in place of the environment's.

    Raises:
        MissingExtraError: The extra ``track`` is not installed.

    Examples:
        >>> tracker = handshape.MlflowTracker("a try", {"epochs": 2}, address="file:tracked")
        >>> result = handshape.train("photos", model="cnn", epochs=2, callbacks=[tracker])
    """

    def __init__(self, name: str, settings: dict[str, Any] | None = None, address: str | None = None) -> None:
        place = address or os.environ.get("MLFLOW_TRACKING_URI")
        if place is None or place.startswith("file:"):
            # MLflow wants to be told that a folder is meant; the extra has no database.
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        try:
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise _missing("mlflow") from error
        self._client: Any = MlflowClient(tracking_uri=place or "file:mlruns")
        found = self._client.get_experiment_by_name(EXPERIMENT)
        experiment = self._client.create_experiment(EXPERIMENT) if found is None else found.experiment_id
        self._run: str = self._client.create_run(experiment, run_name=name).info.run_id
        for key, value in (settings or {}).items():
            self._client.log_param(self._run, key, str(value)[:500])

    def on_epoch(self, model: str, epoch: Epoch) -> None:
        """Log loss and accuracies."""
        for key, value in _scalars(model, epoch).items():
            self._client.log_metric(self._run, key.replace("/", "."), value, step=epoch.epoch)

    def on_report(self, out: Path, metrics: dict[str, Any]) -> None:
        """Log the accuracies and the report, and end the run."""
        for name, model in metrics["models"].items():
            for key in ("valid_accuracy", "test_accuracy"):
                self._client.log_metric(self._run, f"{name}.final_{key}", model[key])
        self._client.log_artifact(self._run, str(out / "report.html"))
        self._client.set_terminated(self._run)


class TensorBoardTracker(Callback):
    """Writes epochs and accuracies as TensorBoard's event files, into ``tensorboard/<run>`` beside the run.

    Args:
        out: Folder of the run.

    Raises:
        MissingExtraError: The extra ``track`` is not installed.

    Examples:
        >>> tracker = handshape.TensorBoardTracker("runs/watched")
        >>> result = handshape.train("photos", model="cnn", epochs=2, out="runs/watched", callbacks=[tracker])
        >>> os.path.isdir("runs/tensorboard/watched")
        True
    """

    def __init__(self, out: str | Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise _missing("tensorboard") from error
        run = Path(out)
        folder = run.with_name(_FOLDER) / run.name
        say(f"TensorBoard: tensorboard --logdir {folder.parent}")
        self._writer: Any = SummaryWriter(str(folder))

    def on_epoch(self, model: str, epoch: Epoch) -> None:
        """Write loss and accuracies."""
        for key, value in _scalars(model, epoch).items():
            self._writer.add_scalar(key, value, epoch.epoch)
        self._writer.flush()

    def on_report(self, out: Path, metrics: dict[str, Any]) -> None:
        """Write the accuracies, and close the file."""
        for name, model in metrics["models"].items():
            for key in ("valid_accuracy", "test_accuracy"):
                self._writer.add_scalar(f"{name}/final_{key}", model[key])
        self._writer.close()


def _scalars(model: str, epoch: Epoch) -> dict[str, float]:
    figures = {
        "loss": epoch.loss,
        "train_accuracy": epoch.train_accuracy,
        "valid_accuracy": epoch.valid_accuracy,
    }
    return {f"{model}/{name}": value for name, value in figures.items()}


def _missing(name: str) -> MissingExtraError:
    remedy = "install it with `pip install 'handshape[track]'`"
    return MissingExtraError(f"no {name} here", "the extra `track`", remedy)

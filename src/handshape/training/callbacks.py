"""What a program may do while handshape trains: at each epoch, after each fit, when the report is written."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from handshape.training.history import Epoch

if TYPE_CHECKING:
    from handshape.training.fit_result import FitResult


class Callback:
    """Base of callbacks of `train` and `compare`: override what you need. An error in one ends the training.

    Examples:
        >>> class Losses(handshape.Callback):
        ...     def on_epoch(self, model, epoch):
        ...         print(model, epoch.epoch, 0 <= epoch.valid_accuracy <= 1)
        >>> result = handshape.train("photos", model="cnn", epochs=2, callbacks=[Losses()])
        cnn 1 True
        cnn 2 True
    """

    def on_epoch(self, model: str, epoch: Epoch) -> None:
        """Do something after an epoch of the CNN, an MLP head or fine-tuning.

        Args:
            model: Name of the model.
            epoch: Its loss, accuracies and seconds.
        """

    def on_fit(self, model: str, fitted: "FitResult") -> None:
        """Do something after a model was fitted, also in each fold of a cross-validation.

        Args:
            model: Name of the model.
            fitted: The network with its history and validation accuracy.
        """

    def on_report(self, out: Path, metrics: dict[str, Any]) -> None:
        """Do something after the run was written.

        Args:
            out: Folder of the run, with ``report.html``.
            metrics: The content of ``metrics.json``.
        """

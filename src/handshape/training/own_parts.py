"""Parts of training that a program brings: a classifier, a backbone, augmentation."""

import copy
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from handshape.config.models import MODELS, ModelName
from handshape.data.images.decode import Preprocessing
from handshape.data.images.prepared import BatchedDataset, BatchIndices, PreparedImages, read_batch
from handshape.errors import BackboneError, ShapeError, UsageError
from handshape.models.backbones.registry import OWN_BACKBONE, Backbone
from handshape.training.callbacks import Callback
from handshape.training.heads.sklearn_head import check_classifier
from handshape.training.history import Epoch

Augmentation = Callable[[NDArray[np.uint8], np.random.Generator], NDArray[np.uint8]]
"""Makes another view of an (H, W, 3) uint8 image, RGB, of the same shape and type."""


class Classifier(Protocol):
    """A classifier of scikit-learn."""

    def fit(self, X: Any, y: Any) -> Any:
        """Fit it to (N, D) features and (N,) classes."""

    def predict_proba(self, X: Any) -> Any:
        """Return (N, K) probabilities."""


@dataclass(frozen=True)
class OwnParts:
    """What a program brings in place of the settings.

    Args:
        classifier: An unfitted classifier of scikit-learn, as the head.
        backbone: A backbone.
        augment: Makes the augmented views of training photos.
        callbacks: Called while models train.
    """

    classifier: Classifier | None = None
    backbone: Backbone | None = None
    augment: Augmentation | None = None
    callbacks: Sequence[Callback] = ()

    def epoch_ended(self, epoch: Epoch) -> None:
        """Tell the callbacks that an epoch of an MLP head has ended."""
        for callback in self.callbacks:
            callback.on_epoch("frozen", epoch)

    def check(self, names: Sequence[ModelName], labels: int) -> None:
        """Check that the models can use these parts, before anything long begins.

        Raises:
            UsageError: One cannot, or the classifier has no converter.
        """
        for name in names:
            if self.classifier is not None and name != "frozen":
                raise _refused(f"head={type(self.classifier).__name__}", name, "frozen")
            if self.backbone is not None and (name == "finetune" or not MODELS[name].image_features):
                raise _refused("a backbone of your own", name, "frozen or combined")
            if self.augment is not None and name not in ("frozen", "combined"):
                raise _refused("augment=", name, "frozen or combined")
        if self.classifier is not None:
            check_classifier(self.classifier, labels)

    def settings(self) -> dict[str, str]:
        """Return the parts in words, for the run's ``config.json``."""
        found = {"head": self.classifier, "augment": self.augment}
        words = {name: repr(part) for name, part in found.items() if part is not None}
        return words if self.backbone is None else {**words, "backbone": self.backbone.name}


def own_backbone(module: nn.Module, preprocessing: Preprocessing | None = None) -> Backbone:
    """Return a module as a backbone.

    Args:
        module: From (N, 3, H, W) float32 images, RGB, to (N, C, h, w) float32 features. A copy is
            used, in evaluation mode; no parameter of it is trained.
        preprocessing: Size, mean and deviation of its images; by default 224 pixels in [0, 1].

    Raises:
        BackboneError: It cannot run on two such images.
        ShapeError: It does not give feature maps.
    """
    prepared = preprocessing or Preprocessing()
    try:
        written = inspect.getsource(type(module))
    except (OSError, TypeError):
        written = ""  # made in a console
    # Features are cached by the name: another forward with the same weights needs another one.
    key = blake2b(f"{module!r}{written}".encode(), digest_size=4).hexdigest()
    module = copy.deepcopy(module).eval()  # the program's stays as it is
    try:
        with torch.inference_mode():
            found: Any = module(torch.zeros(2, 3, prepared.size, prepared.size))
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise BackboneError(
            f"{type(module).__name__} cannot run on images of {prepared.size} pixels ({reason})",
            "a module from (N, 3, H, W) images to (N, C, h, w) features",
            "check it, and its preprocessing",
        ) from error
    if not isinstance(found, Tensor) or found.ndim != 4 or len(found) != 2:
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        wrong = f"{type(module).__name__} gives {shape}"
        raise ShapeError(wrong, "(2, C, h, w) features of 2 images", "cut its classifier off")
    return Backbone(f"{OWN_BACKBONE}{type(module).__name__}-{key}", module, prepared, "your own module")


class OwnViews(BatchedDataset[NDArray[np.uint8]]):
    """Views of images that a program's augmentation makes.

    Args:
        images: N prepared images.
        augment: Makes a view.
        seed: Fixes what it draws, together with the image's index.
    """

    def __init__(self, images: PreparedImages, augment: Augmentation, seed: int) -> None:
        self._images, self._augment, self._seed = images, augment, seed

    def __len__(self) -> int:
        return len(self._images)

    def __getitems__(self, indices: BatchIndices) -> NDArray[np.uint8]:
        batch = read_batch(self._images, indices)
        pairs = zip(batch, indices, strict=True)
        return np.stack([self._view(image, int(index)) for image, index in pairs])

    def _view(self, image: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        made = self._augment(image.copy(), np.random.default_rng([self._seed, index]))
        if not isinstance(made, np.ndarray) or made.shape != image.shape or made.dtype != np.uint8:
            shown = type(made).__name__
            if isinstance(made, np.ndarray):
                shown = f"{made.shape} and type {made.dtype}"
            raise ShapeError(f"augment gives {shown}", f"{image.shape} and uint8", "convert it")
        return made


def _refused(what: str, model: str, fitting: str) -> UsageError:
    return UsageError(f"{what} with model={model!r}", f"model {fitting}", "choose that model")

"""Fit a head on the cached features of a frozen backbone."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Subset

from handshape.config.train import BackboneConfig
from handshape.data.augment import MIRRORED
from handshape.data.dataset import SplitIndices
from handshape.data.images.index import ImageIndex
from handshape.features.extract import features_now, features_of, make_extractor
from handshape.models.backbones.registry import Backbone
from handshape.models.heads import Head, Pool
from handshape.models.network_config import HeadConfig, NetworkConfig, Scaling
from handshape.models.onnx_head import OnnxHead
from handshape.models.sign_network import BackboneClassifier
from handshape.training.datasets import FeatureRows, LabelledFeatures
from handshape.training.fit_result import FitResult
from handshape.training.heads.lda import train_lda
from handshape.training.heads.logistic import train_linear
from handshape.training.heads.mlp import train_mlp
from handshape.training.heads.sklearn_head import train_classifier
from handshape.training.history import Epoch
from handshape.training.loop import LoopConfig
from handshape.training.own_parts import OwnParts, OwnViews
from handshape.training.predict import evaluate_network, predict_logits


class FrozenFitter:
    """Fits heads on splits of one data set, whose features are extracted once.

    Args:
        index: The data set with its prepared images.
        cache: The cache folder.
        device: Where networks run.
        backbone: The frozen backbone.
        options: Head, pooling and views.
        loop: Epochs, batch size and rates of the MLP.
        without_valid: Choose by validation and never fit heads to it, so that the photos they are fitted to
            can be counted.
        own: A classifier or augmentation that a program brings.
    """

    def __init__(
        self,
        index: ImageIndex,
        cache: Path,
        device: torch.device,
        backbone: Backbone,
        options: BackboneConfig,
        loop: LoopConfig,
        *,
        without_valid: bool = False,
        own: OwnParts | None = None,
    ) -> None:
        self._own = own or OwnParts()
        self._index, self._cache, self._device, self._backbone = index, cache, device, backbone
        self._options, self._loop = options, loop
        self._extractor = make_extractor(backbone, options, device)
        self._exact = replace(self._extractor, precision="fp32")
        self._without_valid = without_valid
        self._stored: NDArray[np.float16] | None = None
        self._classes, self._labels = index.dataset.classes, len(index.dataset.labels)
        self.extraction = 0.0
        """Seconds that the features of every photo took."""

    def features(self) -> NDArray[np.float16]:
        """Return (N, C, p, p) float16 features of every photo, extracted on the first call."""
        if self._stored is None:
            start = time.perf_counter()
            self._stored = self._extracted(np.arange(len(self._classes)), 0)
            self.extraction = time.perf_counter() - start
        return self._stored

    def fit(self, splits: SplitIndices, *, mirrored: bool) -> FitResult:
        """Fit a head on one split.

        Args:
            splits: Indices of the samples in each split.
            mirrored: Whether the mirror images of the test photos are classified, too.

        Returns:
            The trained network.
        """
        start = time.perf_counter()
        (train, valid), config = self._both(splits), self.head_config
        tested = {"test": self.features_of(splits["test"])}
        if mirrored:
            tested["mirrored"] = self.features_of(splits["test"], mirrored=True)
        seconds = time.perf_counter() - start
        head, history, valid_logits = self.fit_head(train, valid)
        logits = {name: predict_logits(head, rows) for name, rows in tested.items()}
        logits["valid"] = valid_logits
        shape, backbone = self._backbone.feature_shape, self._backbone
        if isinstance(head, OnnxHead):
            config = replace(config, graph_bytes=len(head.graph))
        described = NetworkConfig(
            "frozen", self._labels, backbone.preprocessing, backbone.name, shape, config
        )
        network = BackboneClassifier(backbone, Pool(config.pool, *shape[1:]), head).eval()
        count = network.trained_parameters()
        return FitResult(network, described, history, logits, count, {"features": seconds})

    def begin(self, splits: SplitIndices) -> tuple[Head, tuple[float, float]]:
        """Fit a head to training photos only, as a start for fine-tuning.

        Args:
            splits: Indices of the samples in each split.

        Returns:
            The head, and its loss and accuracy on the training photos.
        """
        train, valid = self._both(splits)
        head = self.fit_head(train, valid, without_valid=True)[0]
        assert isinstance(head, Head)  # own classifiers are refused for fine-tuning
        photos = FeatureRows((self.features(), splits["train"]))
        return head, evaluate_network(head, photos, self._classes[splits["train"]])

    @property
    def head_config(self) -> HeadConfig:
        """The shape of the head."""
        if self._own.classifier is not None:
            return HeadConfig("sklearn", self._options.places)
        kind = self._options.head
        scaling: Scaling = "feature" if kind == "mlp" else "root"
        return HeadConfig(kind, self._options.places, scaling=scaling)

    def fit_head(
        self, train: LabelledFeatures, valid: LabelledFeatures, *, without_valid: bool = False
    ) -> tuple[Head | OnnxHead, list[Epoch], Tensor]:
        """Fit a head on features.

        Args:
            train: (N, C, p, p) features and (N,) int64 classes.
            valid: The same for validation.
            without_valid: Choose by validation, and do not fit to it afterwards.

        Returns:
            The head, the history, and the (M, K) validation logits of a head that was not fitted to them.
        """
        if self._own.classifier is not None:
            return train_classifier(self._own.classifier, train, valid)
        head = Head(int(np.prod(self._extractor.shape)), self._labels, self.head_config)
        if self.head_config.kind == "mlp":
            ended = self._own.epoch_ended
            return head, *train_mlp(head, train, valid, self._loop, device=self._device, on_epoch=ended)
        solve = train_lda if self.head_config.kind == "lda" else train_linear
        return head, *solve(head, train, valid, without_valid=without_valid or self._without_valid)

    def features_of(self, indices: NDArray[np.int64], *, mirrored: bool = False) -> FeatureRows:
        """Return the features of M photos, or of their mirror images, as the recogniser computes them."""
        if not mirrored and self._extractor.precision == "fp32":
            return FeatureRows((self.features(), indices))
        return FeatureRows(self._extracted(indices, MIRRORED if mirrored else 0, exact=True))

    def _both(self, splits: SplitIndices) -> tuple[LabelledFeatures, LabelledFeatures]:
        """Return features and classes for training, the photos before their views, and for validation."""
        views = range(1, self._options.views + 1)
        stored = [self._view(splits["train"], view) for view in views]
        train = FeatureRows((self.features(), splits["train"]), *stored)
        classes = np.tile(self._classes[splits["train"]], 1 + len(stored))
        return (train, classes), (self.features_of(splits["valid"]), self._classes[splits["valid"]])

    def _view(self, indices: NDArray[np.int64], view: int) -> NDArray[np.float16]:
        """Return the features of an augmented view of M photos; those of a program's own are not cached."""
        if self._own.augment is None:
            return self._extracted(indices, view)
        digests = [self._index.digests[i] for i in indices]
        images = OwnViews(
            Subset(self._index.images, indices.tolist()), self._own.augment, self._loop.seed * 1000 + view
        )
        return features_now(self._extractor, images, digests, folder=self._cache)

    def _extracted(
        self, indices: NDArray[np.int64], view: int, *, exact: bool = False
    ) -> NDArray[np.float16]:
        digests = [self._index.digests[i] for i in indices]
        images = Subset(self._index.images, indices.tolist())
        extractor = self._exact if exact else self._extractor
        return features_of(extractor, images, digests, self._cache, view=view)

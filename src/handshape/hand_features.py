"""Features of hand-sign images as a scikit-learn transformer, for pipelines with any classifier."""

from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from torch import nn

from handshape.cache.location import open_cache
from handshape.config.engine import EngineOptions
from handshape.data.augment import Views
from handshape.data.images.decode import Preprocessing
from handshape.data.images.in_memory import to_images
from handshape.data.images.in_memory_index import index_in_memory
from handshape.errors import UsageError
from handshape.features.extract import Extractor, features_of
from handshape.features.hand_landmarks import HandCache
from handshape.inference.engine import configure
from handshape.models.backbones.registry import load_backbone
from handshape.models.device import choose_device
from handshape.models.hand.hand_finder import EMBEDDING_WIDTH, LANDMARK_WIDTH
from handshape.training.own_parts import own_backbone

FeatureKind = Literal["image", "landmarks", "embedding"]


class HandFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    r"""A scikit-learn transformer from hand-sign images to rows of features.

    Images are paths, Pillow images, (H, W, 3) uint8 arrays, (3, H, W) tensors, or one (N, H, W, 3) uint8
    array. Features are cached by the images' content, in the cache of the commands, so that cross-validation
    computes each once. Nothing is learned from the images: `fit` only checks the settings.

    Args:
        kind: ``image``: features of a frozen backbone; ``landmarks``: x, y and depth of 21 normalised hand
            landmarks; ``embedding``: 25 numbers from the landmark network's last layer; both are 0 where no
            hand was found.
        backbone: Pretrained network, for ``image``; or a module from (N, 3, H, W) images to (N, C, h, w)
            features.
        preprocessing: Of the images of such a module; by default 224 pixels in [0, 1].
        weights: File with its weights, ``untrained``, or None to look and download.
        pool: Places along each axis that image features are averaged to; 0 keeps all.
        cache: Folder of the cache; None for the user's cache directory.
        device: Where the backbone runs: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        threads: Threads that work at once; 0 for one on each core that may be used.
        provider: Execution provider of ONNX Runtime.

    Attributes:
        n_features_out_: D, the number of features of an image.

    Examples:
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.model_selection import GroupKFold, cross_val_score
        >>> from sklearn.pipeline import make_pipeline
        >>> frame = handshape.read_folder("photos", signer=r"(signer\d+)_").to_frame()
        >>> pipeline = make_pipeline(handshape.HandFeatures(backbone="handnet"), LogisticRegression())
        >>> X, y, signers = frame["path"].tolist(), frame["label"], frame["signer"]
        >>> cross_val_score(pipeline, X, y, groups=signers, cv=GroupKFold(4)).shape
        (4,)
    """

    def __init__(
        self,
        kind: str = "image",
        *,
        backbone: str | nn.Module = "alexnet",
        preprocessing: Preprocessing | None = None,
        weights: str | Path | None = None,
        pool: int = 4,
        cache: str | Path | None = None,
        device: str = "auto",
        threads: int = 0,
        provider: str = "cpu",
    ) -> None:
        self.kind, self.backbone, self.preprocessing = kind, backbone, preprocessing
        self.weights, self.pool = weights, pool
        self.cache, self.device = cache, device
        self.threads, self.provider = threads, provider

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Check the settings.

        Args:
            X: Not used.
            y: Not used.

        Returns:
            The transformer itself.

        Raises:
            BackboneError: There is no such backbone.
            UsageError: A setting is out of its range.
            WeightsError: The backbone's weights cannot be found.
        """
        kinds = get_args(FeatureKind)
        if self.kind not in kinds:
            raise UsageError(f"kind {self.kind!r}", f"one of {', '.join(kinds)}", "choose one")
        if self.kind == "image":
            self.n_features_out_ = int(np.prod(self._extractor().shape))
        else:
            self.n_features_out_ = LANDMARK_WIDTH if self.kind == "landmarks" else EMBEDDING_WIDTH
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Return the features of images.

        Args:
            X: N images.

        Returns:
            (N, D) float32.

        Raises:
            DataError: A file cannot be read.
            ShapeError: X is not images.
        """
        images, cache = to_images(X), open_cache(None if self.cache is None else Path(self.cache))
        configure(EngineOptions(threads=self.threads, provider=self.provider))  # type: ignore[arg-type]
        nothing = np.zeros(len(images), dtype=np.int64)
        if self.kind != "image":
            hands = HandCache(cache)
            index = index_in_memory(images, nothing, ("",), cache, facts=hands)
            landmarks, embedding = np.split(hands.rows(index.digests).rows, [LANDMARK_WIDTH], axis=1)
            return landmarks if self.kind == "landmarks" else embedding
        extractor = self._extractor()
        index = index_in_memory(images, nothing, ("",), cache, size=extractor.backbone.preprocessing.size)
        rows = features_of(extractor, index.images, index.digests, cache)
        return rows.reshape(len(rows), -1).astype(np.float32)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names of the features, such as ``image0``."""
        return np.array([f"{self.kind}{number}" for number in range(self.n_features_out_)], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True  # there is nothing to learn

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        return tags

    def _extractor(self) -> Extractor:
        if isinstance(self.backbone, nn.Module):
            backbone = own_backbone(self.backbone, self.preprocessing)
        else:
            backbone = load_backbone(self.backbone, self.weights)
        return Extractor(backbone, self.pool or None, Views(), choose_device(self.device))

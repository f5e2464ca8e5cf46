"""A recogniser as a scikit-learn estimator: cloned, searched over and cross-validated like any other."""

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from handshape.bundle import BundleConfig
from handshape.cache.location import open_cache
from handshape.config.models import MODELS
from handshape.config.train import TrainConfig
from handshape.data.checks.bursts import find_bursts
from handshape.data.checks.near_duplicates import find_near_duplicates
from handshape.data.images.in_memory import ImageLike, to_images
from handshape.data.images.in_memory_index import index_in_memory
from handshape.data.images.index import ImageIndex
from handshape.data.images.prepared import content_digest
from handshape.data.splits.group_hold_out import hold_out_groups
from handshape.errors import DataError
from handshape.evaluation.calibration import fit_temperature
from handshape.evaluation.rejection import choose_threshold
from handshape.evaluation.report.model_card import model_card
from handshape.features.hand_landmarks import HandCache
from handshape.features.predict import predict_from_cache
from handshape.inference.engine import configure
from handshape.models.backbones.registry import load_backbone
from handshape.models.device import choose_device
from handshape.network_bundle import network_of, recogniser_of
from handshape.predict_indexed import predict_indexed
from handshape.recogniser import Recogniser
from handshape.run import new_run
from handshape.training.fit import IMAGE_SIZE, Fitter
from handshape.training.fit_result import FitResult
from handshape.training.temperature import probabilities_of


class SignClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    r"""A scikit-learn classifier of hand-sign images: the model that `train` makes, with its defaults.

    Images are paths, Pillow images, (H, W, 3) uint8 arrays, or one (N, H, W, 3) uint8 array. Image features
    and hand landmarks are cached by content, so that cross-validation computes them once. `predict` always
    gives the most probable label; ``unsure`` is for the recogniser (`to_recogniser`).

    Args:
        model: As in `handshape.config.train.TrainConfig`, and so are all others: they are checked by `fit`.
        backbone: Pretrained network.
        weights: File with its weights, ``untrained``, or None to look and download.
        head: Classifier of the image features.
        pool: Places along each axis that features are averaged to.
        views: Augmented copies of each training photo; 0 for no augmentation.
        precision: Of the features of training photos.
        mirror: Whether half of the views are mirror images.
        unfreeze: Which blocks of the backbone are fine-tuned.
        tuning_epochs: Most passes of fine-tuning.
        tuning_rate: Highest learning rate of fine-tuning.
        patience: Passes without a better one after which fine-tuning stops.
        epochs: Passes over the training images, for the CNN and the MLP.
        batch_size: Images in one step.
        learning_rate: Of Adam.
        weight_decay: Of Adam.
        valid_fraction: Share of the images given to `fit` that is used to choose shrinkage, epoch,
            temperature and threshold.
        seed: Fixes every random choice.
        cache: Folder of the cache; None for the user's cache directory.
        device: Where networks run.
        threads: Threads that work at once; 0 for one on each core that may be used.
        provider: Execution provider of ONNX Runtime.

    Attributes:
        classes_: (K,) labels as they were given, sorted.
        recogniser_: What was fitted.

    Examples:
        >>> frame = handshape.read_folder("photos", signer=r"(signer\d+)_").to_frame()
        >>> from sklearn.model_selection import GroupKFold, cross_val_score
        >>> classifier = handshape.SignClassifier(model="frozen", backbone="handnet", views=0)
        >>> X, y = frame["path"].tolist(), frame["label"]
        >>> cross_val_score(classifier, X, y, groups=frame["signer"], cv=GroupKFold(4)).shape
        (4,)
        >>> classifier.fit(X, y, groups=frame["signer"]).to_recogniser().labels
        ('A', 'B', 'C')
    """

    def __init__(
        self,
        *,
        model: str = "combined",
        backbone: str = "alexnet",
        weights: str | Path | None = None,
        head: str = "lda",
        pool: int | None = None,
        views: int = 1,
        precision: str = "fp32",
        mirror: bool = False,
        unfreeze: str = "all",
        tuning_epochs: int = 8,
        tuning_rate: float = 3e-5,
        patience: int = 3,
        epochs: int = 7,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        valid_fraction: float = 0.2,
        seed: int = 0,
        cache: str | Path | None = None,
        device: str = "auto",
        threads: int = 0,
        provider: str = "cpu",
    ) -> None:
        self.model, self.backbone, self.weights = model, backbone, weights
        self.head, self.pool, self.views, self.precision = head, pool, views, precision
        self.mirror = mirror
        self.unfreeze, self.tuning_epochs = unfreeze, tuning_epochs
        self.tuning_rate, self.patience = tuning_rate, patience
        self.epochs, self.batch_size = epochs, batch_size
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.valid_fraction, self.seed = valid_fraction, seed
        self.cache, self.device = cache, device
        self.threads, self.provider = threads, provider

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Train on images and their labels.

        Args:
            X: N images.
            y: (N,) labels.
            groups: (N,) signer of each image; nobody is in both training and validation. Without signers,
                bursts of near-identical images are kept together.

        Returns:
            The estimator itself.

        Raises:
            DataError: There is one label only, or a file cannot be read.
            ShapeError: X is not images.
            UsageError: A setting is out of its range.
        """
        if y is None:
            raise DataError("fit requires y to be passed, but the target y is None", "N labels", "pass them")
        config, images = self._config(), to_images(X)
        classes = self._classes(images, y, groups)
        backbone = None
        if MODELS[config.model].image_features:
            backbone = load_backbone(config.backbone, config.weights, seed=config.seed)
        size = backbone.preprocessing.size if backbone else IMAGE_SIZE
        cache, labels = open_cache(config.cache), tuple(str(label) for label in self.classes_)
        signers = None if groups is None else [str(group) for group in groups]
        held = not MODELS[config.model].on_cached_features  # pixels are needed in every pass
        facts = HandCache(cache) if MODELS[config.model].hand_landmarks else None
        index = index_in_memory(
            images, classes, labels, cache, signers=signers, size=size, cached=held, facts=facts
        )
        train, valid = hold_out_groups(classes, _groups(index, signers), config.valid_fraction, config.seed)
        device = choose_device(config.device)
        fitter = Fitter(index, cache, device, config, backbone)
        # It is tested elsewhere, on photos of their own; the fitter needs some all the same.
        fitted = fitter.fit(config.model, {"train": train, "valid": valid, "test": valid}, mirrored=False)
        self.recogniser_ = _recogniser(fitted, index, len(train), classes[valid], cache)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Return the probabilities of images.

        Args:
            X: N images.

        Returns:
            (N, K) float32 probabilities in the order of ``classes_``; rows sum to 1.

        Raises:
            DataError: A file cannot be read.
            ShapeError: X is not images.
        """
        check_is_fitted(self)
        recogniser, cache = self.recogniser_, open_cache(self._config().cache)
        images, known = to_images(X), recogniser.config
        nothing = np.zeros(len(images), dtype=np.int64)
        facts = HandCache(cache, recogniser.hand_finder) if recogniser.hand_finder else None
        index = index_in_memory(
            images, nothing, known.labels, cache, size=known.network.preprocessing.size, facts=facts
        )
        hands = facts.rows(index.digests) if facts else None
        if not MODELS[known.network.model].on_cached_features:
            return predict_indexed(recogniser, index, np.arange(len(images)), hands)
        device, network = choose_device(self._config().device), network_of(recogniser)
        logits = predict_from_cache(network, index.images, index.digests, hands, cache, device)
        return probabilities_of(logits, known.temperature)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable label of each image: (N,) of the type of ``classes_``."""
        best = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[best]
        return labels

    def to_recogniser(self) -> Recogniser:
        """Return what was fitted as a recogniser, with labels as text."""
        check_is_fitted(self)
        found: Recogniser = self.recogniser_
        return found

    def save(self, folder: str | Path) -> None:
        """Write the recogniser's bundle into a new folder.

        Raises:
            OutputError: The folder is not empty, or cannot be written.
        """
        known = self.to_recogniser().config
        card = model_card(known.labels, known.network, known.threshold, known.trained_on, known.figures)
        with new_run(Path(folder), force=False) as partial:
            partial.rmdir()  # it is made by the recogniser
            self.to_recogniser().save(partial, card)

    def _classes(self, images: list[ImageLike], y: Any, groups: Any) -> NDArray[np.int64]:
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        check_consistent_length(images, y, groups)
        self.classes_, classes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise DataError(
                f"one label only ({str(self.classes_[0])!r}), in other words one class",
                "images of at least two labels",
                "add images of another",
            )
        return np.asarray(classes, dtype=np.int64)

    def _config(self) -> TrainConfig:
        config = TrainConfig(data=Path(), **self.get_params())
        configure(config)
        return config


def _groups(index: ImageIndex, signers: list[str] | None) -> NDArray[np.int64]:
    if signers is not None:
        return np.unique(signers, return_inverse=True)[1]
    classes = index.dataset.classes
    return find_bursts(find_near_duplicates(index.stats, classes), index.digests, classes)


def _recogniser(
    fitted: FitResult, index: ImageIndex, trained: int, valid: NDArray[np.int64], cache: Path
) -> Recogniser:
    logits = fitted.logits["valid"]
    temperature = fit_temperature(logits.numpy(), valid)
    threshold = choose_threshold(probabilities_of(logits, temperature), valid)
    trained_on = {
        "data_digest": content_digest("\n".join(index.digests).encode()),
        "signers": list(index.dataset.signers),
        "train": trained,
        "valid": len(valid),
    }
    described = BundleConfig(index.dataset.labels, fitted.config, temperature, threshold, trained_on)
    return recogniser_of(fitted.network, described, cache)

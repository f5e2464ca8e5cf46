"""Settings of training: the loop's, the head's and the backbone's."""

import math
from dataclasses import dataclass
from typing import Literal

from handshape.config.augment import AugmentOptions
from handshape.config.cluster import ClusterOptions
from handshape.config.data import DataConfig, OutConfig
from handshape.config.fields import Settings, option
from handshape.config.finetune import FinetuneOptions
from handshape.config.models import MODELS, ModelName
from handshape.errors import UsageError

Precision = Literal["fp32", "fp16", "int8"]
TrackerName = Literal["none", "mlflow", "tensorboard"]
FoldKind = Literal["none", "signers", "source"]


@dataclass(frozen=True, kw_only=True)
class BackboneConfig(AugmentOptions):
    """The backbone and the head on its features."""

    backbone: str = option(
        "alexnet",
        "Pretrained network: handnet, any torchvision classification network, or timm:NAME (extra `timm`).",
        own="Module",
    )
    weights: str | None = option(
        None,
        "File with the backbone's weights, or `untrained` (default: $HANDSHAPE_WEIGHTS, a download).",
    )
    head: Literal["lda", "linear", "mlp"] = option(
        "lda",
        "Classifier of the features: linear discriminant analysis, logistic regression (linear) or an MLP.",
        own="Classifier",
    )
    pool: int | None = option(
        None,
        "Average features over this many places along each axis; 0 keeps all (default: 4; 6 for mlp).",
        within=(0, math.inf),
    )
    precision: Precision = option(
        "fp32",
        "Precision of the training photos' features: fp16 (CUDA only) and int8 (CPU only) are faster and "
        "less exact. Validation and test photos use fp32 all the same, as the recogniser does.",
    )

    @property
    def places(self) -> int | None:
        """Places along each axis that features are averaged to; ``None`` keeps all of the backbone's."""
        if self.pool is None:
            # The lesson's MLP reads AlexNet's 256 x 6 x 6.
            return 6 if self.head == "mlp" else 4
        return self.pool or None


@dataclass(frozen=True, kw_only=True)
class LoopOptions(Settings):
    """Training of the CNN and of the MLP head; the defaults are the lesson's."""

    epochs: int = option(7, "Passes over the training photos, for the CNN and the MLP head.", positive=True)
    batch_size: int = option(32, "Photos in one training step.", positive=True)
    learning_rate: float = option(1e-3, "Learning rate of Adam.", positive=True)
    weight_decay: float = option(0.0, "Weight decay of Adam.", within=(0, math.inf))


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(OutConfig, FinetuneOptions, LoopOptions, BackboneConfig, DataConfig):
    """Everything that training asks for."""

    folds: FoldKind = option(
        "none",
        "Cross-validation: leave each signer, or each source (--source), out once and test on it.",
    )
    track: TrackerName = option(
        "none",
        "Follow epochs and accuracies in MLflow ($MLFLOW_TRACKING_URI, else the folder mlruns) or in "
        "TensorBoard (extra `track`).",
    )


@dataclass(frozen=True, kw_only=True)
class CompareConfig(TrainingConfig):
    """Train several models and compare them."""

    models: str = option("cnn,frozen,combined", f"Models to compare, among {', '.join(MODELS)}.")

    def __post_init__(self) -> None:
        """Check the names of the models."""
        super().__post_init__()
        unknown = [name for name in self.model_names if name not in MODELS]
        if unknown or not self.model_names:
            raise UsageError(
                f"--models {self.models!r}",
                f"names among {', '.join(MODELS)}",
                "write them like cnn,frozen,combined",
            )

    @property
    def model_names(self) -> tuple[ModelName, ...]:
        """The models to compare, each once, in the order given."""
        names = [name.strip() for name in self.models.split(",") if name.strip()]
        return tuple(dict.fromkeys(names))  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class TrainConfig(ClusterOptions, TrainingConfig):
    """Train one model."""

    model: ModelName = option("combined", "; ".join(f"{name}: {kind.words}" for name, kind in MODELS.items()))

    def __post_init__(self) -> None:
        """Check that a cluster has something to do."""
        super().__post_init__()
        if self.engine == "ray" and not MODELS[self.model].fine_tuned:
            raise UsageError(
                f"--engine ray with --model {self.model}",
                "--model finetune",
                "leave it out: `handshape features --engine ray` extracts on a cluster",
            )

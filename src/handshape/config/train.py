"""Settings of training: the loop's, the head's and the backbone's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from handshape.config.augment import AugmentOptions
from handshape.config.cluster import ClusterOptions
from handshape.config.data import DataConfig, OutConfig
from handshape.config.fields import Settings, option
from handshape.config.finetune import FinetuneOptions
from handshape.errors import UsageError

Precision = Literal["fp32", "fp16"]
ModelName = Literal["cnn", "frozen", "finetune"]
Recipe = Literal["fast", "best"]
FoldKind = Literal["none", "signers", "source"]
# More read people who were left out no better, and cost as much again: docs/head.md.
VIEWS = 1
LANDMARKS = "landmarks"
"""The backbone that finds the hand; its features are places, not pictures."""
MODELS: tuple[ModelName, ...] = ("cnn", "frozen", "finetune")


@dataclass(frozen=True, kw_only=True)
class BackboneConfig(AugmentOptions):
    """Which pretrained network, and how its features are read."""

    backbone: str = option(
        "alexnet",
        "Pretrained network: landmarks (of the hand), handnet, or any torchvision classification network.",
    )
    weights: str | None = option(
        None,
        "File with the backbone's weights, or `untrained` (default: $HANDSHAPE_WEIGHTS, a download).",
    )
    head: Literal["lda", "linear", "mlp"] = option(
        "lda", "What is trained on the features: discriminant analysis, logistic regression, or an MLP."
    )
    pool: int | None = option(
        None,
        "Average features over this many places along each axis; 0 keeps all (default: 4; 6 for the MLP).",
    )
    views: int | None = option(
        None,
        "Stored views of each training photo for the frozen model, and where a part of a backbone is tuned, "
        f"there at least 3 (default: {VIEWS}; none with --augment none).",
    )
    precision: Precision = option(
        "fp32",
        "Precision of the training photos' features: fp16 (CUDA only) is faster and less exact. Validation "
        "and test photos use fp32 all the same, as the recogniser does.",
    )

    def __post_init__(self) -> None:
        """Check ranges."""
        super().__post_init__()
        if self.pool is not None and self.pool < 0:
            raise UsageError(f"--pool {self.pool}", "0 or more", "use 0 to keep every place")
        if self.backbone == LANDMARKS and self.precision != "fp32":
            raise UsageError(
                f"--precision {self.precision} with --backbone {LANDMARKS}",
                "fp32: places are not exact enough in anything less",
                "leave one out",
            )
        if self.views is None:
            object.__setattr__(self, "views", 0 if self.augment == "none" else VIEWS)
        if not 0 <= self.stored_views <= 100:
            raise UsageError(f"--views {self.views}", "a number from 0 to 100", "change it")
        if self.views and self.augment == "none":
            raise UsageError(
                f"--views {self.views} with --augment none",
                "one of them",
                "leave one out, or change --augment",
            )

    @property
    def stored_views(self) -> int:
        """How many views of each training photo are stored and learned from."""
        return self.views or 0

    @property
    def places(self) -> int | None:
        """Places along each axis that features are averaged to; ``None`` keeps all of the backbone's."""
        if self.pool is None:
            # The lesson's MLP reads AlexNet's 256 x 6 x 6.
            return 6 if self.head == "mlp" else 4
        return self.pool or None


@dataclass(frozen=True, kw_only=True)
class LoopOptions(Settings):
    """The training loop of the CNN and of the MLP head; the defaults are the lesson's."""

    epochs: int = option(7, "Passes over the training images.")
    batch_size: int = option(32, "Images in one step.")
    learning_rate: float = option(1e-3, "Learning rate of Adam.")
    weight_decay: float = option(0.0, "Weight decay of Adam.")
    folds: FoldKind = option(
        "none",
        "Leave each of the signers, or each source (--source), out once, too: its photos are read by a model "
        "that never saw it.",
    )

    def __post_init__(self) -> None:
        """Check ranges."""
        super().__post_init__()
        for name in ("epochs", "batch_size", "learning_rate"):
            if getattr(self, name) <= 0:
                flag = name.replace("_", "-")
                raise UsageError(f"--{flag} {getattr(self, name)}", "a positive number", "change it")
        if self.weight_decay < 0:
            raise UsageError(f"--weight-decay {self.weight_decay}", "zero or more", "change it")


@dataclass(frozen=True, kw_only=True)
class _TrainingConfig(OutConfig, FinetuneOptions, LoopOptions, BackboneConfig, DataConfig):
    """Everything that training asks for."""

    recipe: Recipe | None = option(
        None,
        "What the frozen model is for: photos like these (fast), or people and rooms never seen, too (best): "
        "then the landmarks of the hand are read beside the photo (default: best in train; fast in compare, "
        "which compares networks as they are).",
    )

    def require_backbone(self, models: Sequence[str]) -> None:
        """Check that the models can be made of the backbone.

        Args:
            models: Their names.

        Raises:
            UsageError: They cannot.
        """
        if self.backbone == LANDMARKS and ("finetune" in models or self.recipe == "best"):
            what = "the model finetune" if "finetune" in models else "--recipe best"
            raise UsageError(
                f"{what} with --backbone {LANDMARKS}", "a network of images", "choose another backbone"
            )
        if self.recipe == "best" and "frozen" not in models:
            raise UsageError(
                f"--recipe best with the model {' and '.join(models)}",
                "the model frozen, beside which hands are read",
                "add it, or leave the recipe out",
            )


@dataclass(frozen=True, kw_only=True)
class CompareConfig(_TrainingConfig):
    """Train several models on one split and compare them."""

    models: str = option("cnn,frozen", "Models to compare, separated by commas.")

    def __post_init__(self) -> None:
        """Check the names of the models, and choose the recipe."""
        super().__post_init__()
        if self.recipe is None:
            object.__setattr__(self, "recipe", "fast")
        unknown = [name for name in self.model_names if name not in MODELS]
        if unknown or not self.model_names:
            raise UsageError(
                f"--models {self.models!r}", f"names among {', '.join(MODELS)}", "write them like cnn,frozen"
            )
        self.require_backbone(self.model_names)

    @property
    def model_names(self) -> tuple[ModelName, ...]:
        """The models to compare, each once, in the order given."""
        names = [name.strip() for name in self.models.split(",") if name.strip()]
        return tuple(dict.fromkeys(names))  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class TrainConfig(ClusterOptions, _TrainingConfig):
    """Train one model."""

    model: ModelName = option(
        "frozen", "The lesson's CNN, a head on a frozen backbone, or a backbone that is tuned after its head."
    )

    def __post_init__(self) -> None:
        """Choose the recipe, and check that the model can be made and that a cluster has something to do."""
        super().__post_init__()
        if self.recipe is None:
            beside_hands = self.model == "frozen" and self.backbone != LANDMARKS
            object.__setattr__(self, "recipe", "best" if beside_hands else "fast")
        self.require_backbone([self.model])
        if self.engine == "ray" and self.model != "finetune":
            raise UsageError(
                f"--engine ray with --model {self.model}",
                "--model finetune",
                "leave it out: `handshape features --engine ray` extracts on a cluster",
            )

"""Description of a network: a bundle holds it in place of code. No torch."""

from dataclasses import dataclass
from typing import Literal

from handshape.config.models import ModelName
from handshape.data.images.decode import Preprocessing
from handshape.errors import UsageError

Scaling = Literal["root", "feature"]
HIDDEN = 100
"""Hidden units of the lesson's MLP."""


@dataclass(frozen=True)
class HeadConfig:
    """The shape of a head.

    Args:
        kind: ``lda``: linear discriminant analysis; ``linear``: multinomial logistic regression; ``mlp``: one
            hidden layer with ReLU; ``sklearn``: a classifier of scikit-learn, as an ONNX graph.
        pool: Features are averaged to ``pool`` x ``pool`` places; ``None`` keeps the backbone's own.
        hidden: Hidden units of the MLP.
        scaling: ``root``: square roots, centred, all divided by one number; ``feature``: each feature brought
            to mean 0 and deviation 1, which blows up features that are seldom there.
        graph_bytes: Size of the graph of ``sklearn``.
    """

    kind: Literal["lda", "linear", "mlp", "sklearn"] = "lda"
    pool: int | None = 4
    hidden: int = HIDDEN
    scaling: Scaling = "root"
    graph_bytes: int = 0

    def __post_init__(self) -> None:
        if self.pool is not None and self.pool < 1:
            raise UsageError(
                f"--pool {self.pool}", "1 or more, or 0 for the backbone's own places", "change it"
            )


@dataclass(frozen=True)
class NetworkConfig:
    """What a network is made of.

    Args:
        model: Name of the model.
        labels: K.
        preprocessing: What its images go through.
        backbone: Name of the backbone, for models of image features.
        feature_shape: (C, h, w) of the backbone's features, for models of image features.
        head: Shape of the head on them, for models of image features.
        handshapes: M, where the landmark classifier knows several for a label.
    """

    model: ModelName
    labels: int
    preprocessing: Preprocessing
    backbone: str | None = None
    feature_shape: tuple[int, int, int] | None = None
    head: HeadConfig | None = None
    handshapes: int | None = None

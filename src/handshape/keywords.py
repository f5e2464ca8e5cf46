"""The settings of each command as typed keyword arguments.

Written by `python -m tools.write_keywords`.
"""

from pathlib import Path
from typing import Literal, TypedDict

from torch.nn import Module

from handshape.training.own_parts import Classifier


class EngineOptionsKeywords(TypedDict, total=False):
    """How many threads work at once, and what runs networks."""

    threads: int
    provider: Literal["cpu", "cuda", "coreml", "directml", "openvino"]


class ReadingOptionsKeywords(EngineOptionsKeywords, total=False):
    """Which photos and labels."""

    labels: str | None
    signer: str | None
    source: str | None
    label_from: str | None
    layout: Literal["auto", "labels"]
    no_follow_links: bool
    exclude: str | Path | None
    strict: bool
    cache: str | Path | None


class DataOptionsKeywords(ReadingOptionsKeywords, total=False):
    """Which photos and labels, and how they are split."""

    split: Literal["auto", "given", "signer", "random"]
    valid_fraction: float
    test_fraction: float
    seed: int
    device: Literal["auto", "cpu", "cuda", "mps"]


class OutKeywords(TypedDict, total=False):
    """Where a run is written."""

    out: str | Path | None
    force: bool


class InspectKeywords(OutKeywords, DataOptionsKeywords, total=False):
    """Check a data set: counts, splits, problems."""


class AugmentOptionsKeywords(TypedDict, total=False):
    """How training photos are augmented: rotated, scaled, shifted and lit otherwise."""

    views: int
    mirror: bool


class BackboneKeywords(AugmentOptionsKeywords, total=False):
    """The backbone and the head on its features."""

    backbone: str | Module
    weights: str | None
    head: Literal["lda", "linear", "mlp"] | Classifier
    pool: int | None
    precision: Literal["fp32", "fp16", "int8"]


class ClusterOptionsKeywords(TypedDict, total=False):
    """Where the work is done: in this process or on a cluster."""

    engine: Literal["local", "ray"]
    address: str | None


class FeaturesKeywords(ClusterOptionsKeywords, BackboneKeywords, DataOptionsKeywords, total=False):
    """Compute features, find hands, cache both."""


class LoopOptionsKeywords(TypedDict, total=False):
    """Training of the CNN and of the MLP head; the defaults are the lesson's."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float


class FinetuneOptionsKeywords(TypedDict, total=False):
    """How a backbone is tuned, from the head that was trained on its cached features."""

    unfreeze: Literal["last", "last2", "all"]
    tuning_epochs: int
    tuning_rate: float
    patience: int


class TrainingKeywords(
    OutKeywords,
    FinetuneOptionsKeywords,
    LoopOptionsKeywords,
    BackboneKeywords,
    DataOptionsKeywords,
    total=False,
):
    """Everything that training asks for."""

    folds: Literal["none", "signers", "source"]
    track: Literal["none", "mlflow", "tensorboard"]


class TrainKeywords(ClusterOptionsKeywords, TrainingKeywords, total=False):
    """Train one model."""

    model: Literal["cnn", "frozen", "finetune", "landmarks", "combined"]


class CompareKeywords(TrainingKeywords, total=False):
    """Train several models and compare them."""

    models: str


class AddKeywords(OutKeywords, ReadingOptionsKeywords, total=False):
    """Add signs to a recogniser."""


class EvaluateKeywords(OutKeywords, DataOptionsKeywords, total=False):
    """Measure a recogniser on new photos."""

    include_known: bool


class ExportKeywords(EngineOptionsKeywords, total=False):
    """Export a recogniser to ONNX or to a web page."""

    format: Literal["onnx", "web"]
    out: str | Path | None
    precision: Literal["fp32", "int8"]
    images: str | Path | None
    runtime: str | Path | None


class PushKeywords(TypedDict, total=False):
    """Upload a recogniser to the Hugging Face hub."""

    public: bool
    license: str | None
    signer_names: bool


class DrawKeywords(TypedDict, total=False):
    """Generate a synthetic hand-sign data set."""

    labels: str
    signers: int
    images: int
    size: int
    style: Literal["studio", "room", "outdoor"]
    seed: int
    workers: int
    force: bool


class StudyKeywords(OutKeywords, DataOptionsKeywords, total=False):
    """The settings of every study: photos and backbone."""

    backbone: str
    weights: str | None
    quick: bool


class ChiralityKeywords(StudyKeywords, FinetuneOptionsKeywords, LoopOptionsKeywords, total=False):
    """Classify photos against their mirror images."""


class AutoencoderKeywords(StudyKeywords, total=False):
    """Reconstruct photos from frozen features."""

    epochs: int
    batch_size: int
    learning_rate: float
    photos: int


class FinetuneKeywords(StudyKeywords, AugmentOptionsKeywords, total=False):
    """Compare a tuned backbone with a frozen one."""

    sizes: str
    epochs: int
    batch_size: int
    tuning_rate: float

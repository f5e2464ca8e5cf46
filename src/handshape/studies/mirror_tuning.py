"""Photos and mirror images as a data set of their own, for what is trained on labelled photos."""

from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from handshape.config.finetune import FinetuneOptions
from handshape.config.study import ChiralityConfig
from handshape.config.train import BackboneConfig
from handshape.data.dataset import SplitIndices
from handshape.data.images.index import ImageIndex
from handshape.data.images.prepared import (
    BatchedDataset,
    BatchIndices,
    PreparedImages,
    content_digest,
    read_batch,
)
from handshape.studies.material import Material
from handshape.studies.mirror_pairs import Correct
from handshape.training.checkpoint import Checkpoint
from handshape.training.finetune import FinetuneFitter
from handshape.training.frozen import FrozenFitter
from handshape.training.history import Epoch
from handshape.training.loop import LoopConfig

LABELS = ("as taken", "mirrored")


class WithMirrorImages(BatchedDataset[NDArray[np.uint8]]):
    """N images, and behind them their N mirror images.

    Args:
        images: N prepared images.
    """

    def __init__(self, images: PreparedImages) -> None:
        self._images = images

    def __len__(self) -> int:
        return 2 * len(self._images)

    def __getitems__(self, indices: BatchIndices) -> NDArray[np.uint8]:
        chosen = np.asarray(indices, dtype=np.int64)
        pixels = np.array(read_batch(self._images, chosen % len(self._images)))
        turned = chosen >= len(self._images)
        pixels[turned] = pixels[turned][:, :, ::-1]
        return pixels


def mirror_scan(scan: ImageIndex) -> ImageIndex:
    """Return photos and their mirror images as one data set of two labels.

    Args:
        scan: N photos.

    Returns:
        2 N samples: the photos, labelled as taken, in their order, and then their mirror images.
    """
    samples = tuple(replace(sample, label=label) for label in LABELS for sample in scan.dataset.samples)
    # A mirror image has a content of its own, under which its views and features are kept.
    turned = (content_digest(f"{digest} mirrored".encode()) for digest in scan.digests)
    return ImageIndex(
        replace(scan.dataset, samples=samples, labels=LABELS),
        (*scan.digests, *turned),
        scan.stats * 2,
        WithMirrorImages(scan.images),
    )


def tell_by_tuning(
    config: ChiralityConfig, material: Material, sides: SplitIndices, keeper: Checkpoint
) -> tuple[Correct, list[Epoch]]:
    """Tune the backbone on photos and mirror images, and try it on those of the test side.

    Args:
        config: The settings; views are left out, for no other model of the study sees any.
        material: The photos and the backbone.
        sides: BatchIndices of the photos on each side.
        keeper: Keeps the training.

    Returns:
        What it told right, and the history.
    """
    scan = mirror_scan(material.survey.indexed)
    both: SplitIndices = {
        side: np.concatenate([indices, indices + len(material.classes)]) for side, indices in sides.items()
    }
    options = BackboneConfig(backbone=config.backbone, weights=config.weights, augment="none")
    loop = LoopConfig(batch_size=config.batch_size, weight_decay=config.weight_decay, seed=config.seed)
    tuning = FinetuneOptions(**{field.name: getattr(config, field.name) for field in fields(FinetuneOptions)})
    place = (material.store, material.device, material.backbone)
    frozen = FrozenFitter(scan, *place, options, loop)
    fitter = FinetuneFitter(scan, *place, frozen, options, tuning, loop)
    trained = fitter.fit(both, mirrored=False, keeper=keeper)
    told = trained.logits["test"].argmax(dim=1).numpy()
    correct: Correct = told == np.repeat(np.arange(2), len(sides["test"]))
    return correct, trained.history

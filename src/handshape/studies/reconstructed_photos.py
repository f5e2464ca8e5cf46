"""The photos that autoencoders reconstruct, and how good reconstructions of them are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Subset

from handshape.config.study import AutoencoderConfig
from handshape.data.dataset import SplitIndices, SplitName
from handshape.data.images.prepared import read_batch
from handshape.evaluation.json_result import JsonResult
from handshape.models.heads import Head, Pool
from handshape.models.network_config import HeadConfig
from handshape.studies.steps import GRID, StudyData
from handshape.training.datasets import FeatureRows, Inputs, LabelledFeatures, NormalisedImages
from handshape.training.heads.lda import train_lda
from handshape.training.loop import LoopSettings, parameter_group
from handshape.training.reconstruction import TargetPhotos, psnr_of

# Photos in the grid, one of each of the first labels.
_SHOWN = 9
_BATCH = 32

Rebuild = Callable[[NDArray[np.int64]], Tensor]
"""From B indices to (B, 3, H, W) float32 reconstructions."""


@dataclass(frozen=True)
class StudyPhotos:
    """The photos as inputs and targets, and the classifier that recognises signs in reconstructions.

    Args:
        config: The settings.
        data: The photos and the backbone.
    """

    config: AutoencoderConfig
    data: StudyData

    @cached_property
    def splits(self) -> SplitIndices:
        """Indices of the photos used, spread evenly over each part of the split."""
        share = min(1.0, self.config.photos / len(self.data.classes))
        counts = {name: max(1, int(len(own) * share)) for name, own in self.data.splits.items()}
        return {name: own[evenly(len(own), counts[name])] for name, own in self.data.splits.items()}

    @property
    def size(self) -> int:
        """Height and width of the photos in pixels."""
        return self.data.backbone.preprocessing.size

    def targets(self, split: SplitName, size: int | None = None) -> TargetPhotos:
        """Return the photos of one split, to be reconstructed."""
        return TargetPhotos(self.data.images, self.splits[split], size or self.size)

    def images(self, split: SplitName) -> Inputs:
        """Return the photos of one split as inputs of the backbone."""
        chosen = Subset(self.data.images, self.splits[split].tolist())
        return NormalisedImages(chosen, self.data.backbone.preprocessing)

    def codes(self, split: SplitName) -> FeatureRows:
        """Return the frozen features of one split at all places."""
        return FeatureRows(self.data.features(None, indices=self.splits[split]))

    @cached_property
    def mean(self) -> Tensor:
        """The mean training photo, (3, H, W) float32."""
        return self.targets("train").mean()

    @cached_property
    def test_classes(self) -> NDArray[np.int64]:
        """Class index of each test photo."""
        return self.data.classes[self.splits["test"]]

    @cached_property
    def shown(self) -> NDArray[np.int64]:
        """Positions among the test photos of those in the grid: the middle one of each label."""
        own = [np.flatnonzero(self.test_classes == label) for label in np.unique(self.test_classes)[:_SHOWN]]
        return np.array([positions[len(positions) // 2] for positions in own], dtype=np.int64)

    @cached_property
    def _head(self) -> Head:
        def labelled(own: NDArray[np.int64]) -> LabelledFeatures:
            return FeatureRows(self.data.features(indices=own)), self.data.classes[own]

        train, valid = labelled(self.splits["train"]), labelled(self.splits["valid"])
        head = Head(train[0].width, len(self.data.labels), HeadConfig("lda", GRID))
        train_lda(head, train, valid)
        return head

    def recognised(self, rebuild: Rebuild) -> float:
        """Return the accuracy of linear discriminant analysis on (n, 3, H, W) photos, rounded to 8 bits."""
        backbone, predicted = self.data.backbone.to(self.data.device), []
        pool = Pool(GRID, *backbone.feature_shape[1:]).to(self.data.device)
        for batch in batches(len(self.test_classes)):
            images = backbone.preprocessing.normalise(to_8_bits(rebuild(batch)).to(self.data.device))
            with torch.inference_mode():
                predicted.append(self._head(pool(backbone(images)).cpu()).argmax(dim=1).numpy())
        return float((np.concatenate(predicted) == self.test_classes).mean())

    def groups(self, parts: Sequence[nn.Module], rates: Sequence[float]) -> list[dict[str, Any]]:
        """Move modules to the device and return their parameters and rates, shares of the highest."""
        peak, device = self.config.learning_rate, self.data.device
        pairs = zip(parts, rates, strict=True)
        return [parameter_group(part.to(device).parameters(), share * peak) for part, share in pairs]

    def loop(self, epochs: float) -> LoopSettings:
        """Return how a decoder is trained for so many epochs."""
        size, seed = self.config.batch_size, self.config.seed
        return LoopSettings(
            epochs=max(1, round(epochs)), batch_size=size, seed=seed, warm_up=True, keep="last"
        )

    def run(self, network: nn.Module, inputs: Tensor) -> Tensor:
        """Run a network that is on the device and return its outputs, on the CPU."""
        with torch.inference_mode():
            return network(inputs.to(self.data.device)).cpu()  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Reconstruction(JsonResult):
    """How similar reconstructions are to their photos.

    Args:
        psnr: Mean over photos of the peak signal-to-noise ratio, dB.
        ssim: Mean structural similarity at full size, at most 1.
    """

    psnr: float
    ssim: float


def measure_reconstruction(photos: TargetPhotos, rebuild: Rebuild) -> Reconstruction:
    """Compare photos with their reconstructions.

    Args:
        photos: N photos.
        rebuild: From B indices to (B, 3, H, W) float32 reconstructions, which are clipped to [0, 1] here.

    Source: Z. Wang and others, Image Quality Assessment: From Error Visibility to Structural Similarity,
    IEEE Transactions on Image Processing 13(4), 2004, as torchmetrics has it (11 x 11 Gaussian window).
    """
    from torchmetrics.functional.image import structural_similarity_index_measure as ssim

    ratios, similarities = [], []
    with torch.inference_mode():
        for batch in batches(len(photos)):
            wanted, found = read_batch(photos, batch), rebuild(batch).cpu().clamp(0, 1)
            ratios.append(psnr_of(found, wanted))
            similarity = ssim(found, wanted, data_range=1.0, reduction="none")
            assert isinstance(similarity, Tensor)  # a tuple only when more is asked for
            similarities.append(similarity)
    psnr, mean_ssim = (float(torch.cat(values).double().mean()) for values in (ratios, similarities))
    return Reconstruction(psnr, mean_ssim)


def batches(count: int) -> list[NDArray[np.int64]]:
    """Return the indices of so many photos in batches."""
    return np.split(np.arange(count), range(_BATCH, count, _BATCH))


def evenly(length: int, count: int) -> NDArray[np.int64]:
    """Return so many indices, spread evenly from the first to the last."""
    return np.linspace(0, length - 1, count).round().astype(np.int64)


def to_8_bits(photos: Tensor) -> Tensor:
    """Return (n, 3, H, W) float photos as (n, H, W, 3) uint8, clipped to [0, 1]."""
    return (photos.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu()

"""What a study works on: the photos with their split, the backbone, and where things are kept and run."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Subset

from handshape.data.augment import Views
from handshape.data.data_report import DataReport
from handshape.data.dataset import SPLITS, SplitIndices
from handshape.features.extract import Extractor, features_of
from handshape.models.backbones.registry import Backbone

# Features are kept at as many places as `compare` reads by default, and serve to find bursts.
PLACES = 4


@dataclass(frozen=True)
class Material:
    """What a study works on.

    Args:
        survey: The photos with their prepared images, of the size that the backbone takes, and their split.
        backbone: The pretrained network, frozen.
        store: The store's folder.
        device: Where networks run.
        seed: Fixes every random choice.
    """

    survey: DataReport
    backbone: Backbone
    store: Path
    device: torch.device
    seed: int

    @property
    def sides(self) -> SplitIndices:
        """Indices of the photos on each side of the split, (n,) int64 each."""
        where = np.array([sample.split for sample in self.survey.split.dataset.samples])
        return {side: np.flatnonzero(where == side) for side in SPLITS}

    @property
    def classes(self) -> NDArray[np.int64]:
        """(N,) int64 class of each photo."""
        return self.survey.split.dataset.classes

    @property
    def labels(self) -> tuple[str, ...]:
        """K labels in class order."""
        return self.survey.split.dataset.labels

    @property
    def signers(self) -> list[str | None]:
        """Signer of each photo."""
        return [sample.signer for sample in self.survey.split.dataset.samples]

    def features(
        self, places: int | None = PLACES, *, view: int = 0, indices: NDArray[np.int64] | None = None
    ) -> NDArray[np.float16]:
        """Return the frozen backbone's features of photos, from the store where they are there.

        Args:
            places: Places along each axis that they are averaged to; ``None`` keeps the backbone's own.
            view: 0 for the photos, `handshape.data.augment.MIRRORED` for their mirror images.
            indices: (n,) which photos; all N of them when left out.

        Returns:
            (N, C, p, p) float16.
        """
        scan = self.survey.indexed
        chosen = np.arange(len(scan.digests)) if indices is None else indices
        extractor = Extractor(self.backbone, places, Views(), self.device)
        images, digests = Subset(scan.images, chosen.tolist()), [scan.digests[i] for i in chosen]
        return features_of(extractor, images, digests, self.store, view=view)

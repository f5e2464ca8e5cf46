"""A small data set, a split of it and a fitter for it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from handshape.config.train import TrainConfig
from handshape.data.dataset import SplitIndices
from handshape.data.images.index import ImageIndex, index_images
from handshape.data.io.folder import read_folder
from handshape.models.backbones.registry import Backbone, load_backbone
from handshape.training.fit import Fitter

CPU = torch.device("cpu")


@pytest.fixture
def backbone() -> Backbone:
    return load_backbone("squeezenet1_1", "untrained")


@pytest.fixture
def scan(make_photos: Any, tmp_path: Path) -> ImageIndex:
    return index_images(read_folder(make_photos("ABC", signers=3, images=2)), tmp_path / "cache")


def sides_of(scan: ImageIndex) -> SplitIndices:
    # Of each label the six photos of signers 1, 1, 2, 2, 3, 3.
    position = np.arange(len(scan.dataset)) % 6
    train, valid, test = (
        np.flatnonzero(position < 3),
        np.flatnonzero(position == 3),
        np.flatnonzero(position > 3),
    )
    return {"train": train, "valid": valid, "test": test}


def fitter(
    scan: ImageIndex, cache_dir: Path, backbone: Backbone | None, seed: int = 0, **options: Any
) -> Fitter:
    settings = {"views": 0, "epochs": 2, "batch_size": 4, "seed": seed, **options}
    return Fitter(scan, cache_dir, CPU, TrainConfig(data=cache_dir, **settings), backbone)

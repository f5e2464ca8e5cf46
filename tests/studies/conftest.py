from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from handshape.data.data_report import make_data_report
from handshape.data.images.index import index_images
from handshape.data.io.folder import read_folder
from handshape.models.backbones.registry import load_backbone
from handshape.studies.steps import StudyData


@pytest.fixture
def data(make_photos: Callable[..., Path], tmp_path: Path) -> StudyData:
    """Drawn photos of three labels and four signers, split by signer, with handnet."""
    scan = index_images(read_folder(make_photos(), signer=r"signer(\d+)_"), tmp_path / "cache")
    report = make_data_report(scan, kind="signer", valid_fraction=0.2, test_fraction=0.2, seed=0)
    return StudyData(report, load_backbone("handnet"), tmp_path / "cache", torch.device("cpu"), seed=0)

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from handshape.data.images.index import index_images
from handshape.data.io.folder import read_folder
from handshape.models.backbones.registry import load_backbone
from handshape.studies.drift import linear_cka, measure_drift


def test_linear_cka__does_not_see_turns_and_scales() -> None:
    torch.manual_seed(0)
    rows = torch.randn(40, 8)
    turn = torch.linalg.qr(torch.randn(8, 8))[0]
    assert linear_cka(rows, 3 * rows @ turn + 5) == pytest.approx(1)
    assert linear_cka(rows, torch.randn(40, 8)) < 0.5
    # By hand: the two share one of two directions of equal size.
    one = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    assert linear_cka(one, one[:, :1]) == pytest.approx(2**-0.5)


def test_measure_drift__from_the_layer_that_changed(make_photos: Any, tmp_path: Path) -> None:
    scan = index_images(read_folder(make_photos()), tmp_path / "store")
    backbone = load_backbone("handnet")
    other = copy.deepcopy(backbone)
    with torch.no_grad():
        list(other.parameters())[-2].normal_(0, 0.05)
    *before, last = measure_drift(backbone, other, scan.images, np.arange(len(scan.images))).values()
    assert before == pytest.approx([1.0] * len(before)) and last < 0.99

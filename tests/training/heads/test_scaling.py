import numpy as np
import pytest
import torch

from handshape.models.heads import Head
from handshape.models.network_config import HeadConfig
from handshape.training import datasets
from handshape.training.datasets import FeatureRows
from handshape.training.heads.scaling import scale_head


@pytest.mark.parametrize("scaling", ["root", "feature"])
def test_scale_head__by_blocks_as_of_all_rows(monkeypatch: pytest.MonkeyPatch, scaling: str) -> None:
    monkeypatch.setattr(datasets, "BLOCK", 7)
    stored = np.abs(np.random.default_rng(0).normal(size=(50, 12))).astype(np.float16)
    stored[:, 5] = 123.4  # says nothing
    whole, head = (Head(12, 3, HeadConfig("lda", scaling=scaling)) for _ in range(2))  # type: ignore[arg-type]
    whole.scale_by(torch.from_numpy(stored.astype(np.float32)))
    scale_head(head, FeatureRows(stored))
    torch.testing.assert_close(whole.mean, head.mean)
    torch.testing.assert_close(whole.scale, head.scale)
    if scaling == "feature":
        assert float(head.scale[5]) == 0

import numpy as np
import pytest
import torch

from handshape.models.heads import Head
from handshape.models.network_config import HeadConfig
from handshape.training import datasets
from handshape.training.datasets import FeatureRows
from handshape.training.heads import covariance
from handshape.training.heads.covariance import ClassCovariance


@pytest.mark.parametrize("scaling", ["root", "feature"])
@pytest.mark.parametrize("offset", [0, 30])
def test_add__sums_over_blocks_are_those_of_all_rows(
    monkeypatch: pytest.MonkeyPatch, scaling: str, offset: int
) -> None:
    monkeypatch.setattr(datasets, "BLOCK", 64)
    monkeypatch.setattr(covariance, "_SAMPLE", 20)  # centres that are off
    rng = np.random.default_rng(0)
    stored = (rng.normal(size=(500, 40)) + offset).astype(np.float16)
    classes = np.sort(rng.integers(0, 4, 500))  # as in a data set; the fifth class has no row
    head, whole = (Head(40, 5, HeadConfig("lda", scaling=scaling)) for _ in range(2))  # type: ignore[arg-type]
    found = ClassCovariance(head, 5)
    for part in (np.arange(300), np.arange(300, 500)):
        found.add(FeatureRows((stored, part)), classes[part])
    whole.scale_by(torch.from_numpy(stored.astype(np.float32)))
    rows = whole.scaled(torch.from_numpy(stored.astype(np.float32))).double()
    means = torch.stack([rows[classes == label].mean(dim=0) for label in range(4)])
    around = rows - means[torch.from_numpy(classes)]
    torch.testing.assert_close(head.mean, whole.mean)
    torch.testing.assert_close(head.scale, whole.scale, rtol=1e-4, atol=0)
    torch.testing.assert_close(found.means[:4].double(), means, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(found.covariance.double(), around.T @ around / 500, rtol=1e-3, atol=1e-3)
    assert found.absent.tolist() == [False] * 4 + [True] and found.rank == 40


def test_add__a_feature_that_never_changes_has_no_deviation() -> None:
    stored = np.full((200, 3), 77.7, dtype=np.float16)
    stored[:, 0] = np.arange(200)
    head = Head(3, 2, HeadConfig("lda", scaling="feature"))
    ClassCovariance(head, 2).add(FeatureRows(stored), np.arange(200) % 2)
    assert float(head.scale[0]) > 0 and head.scale[1:].tolist() == [0, 0]

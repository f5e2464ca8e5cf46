import numpy as np
import pytest
import torch

from handshape.models.heads import Head, HeadConfig
from handshape.training.heads import feature_rows as rows_module
from handshape.training.heads.feature_rows import StoredRows, all_of
from handshape.training.heads.lda import Scatter
from handshape.training.heads.moments import Moments


@pytest.mark.parametrize("scaling", ["root", "feature"])
@pytest.mark.parametrize("offset", [0, 30])
def test_moments__are_those_in_memory(monkeypatch: pytest.MonkeyPatch, scaling: str, offset: int) -> None:
    monkeypatch.setattr(rows_module, "BLOCK", 64)
    monkeypatch.setattr("handshape.training.heads.moments._SAMPLE", 20)  # centres that are off
    rng = np.random.default_rng(0)
    stored = (rng.normal(size=(500, 40)) + offset).astype(np.float16)
    classes = np.sort(rng.integers(0, 4, 500))  # as in a data set; the fifth class has no row
    config = HeadConfig("lda", scaling=scaling)  # type: ignore[arg-type]
    whole, summed = Head(40, 5, config), Head(40, 5, config)
    rows = torch.from_numpy(stored.astype(np.float32))
    whole.scale_by(rows)
    expected = Scatter.of(whole.scaled(rows), classes, 5)
    first, second = np.arange(300), np.arange(300, 500)
    moments = Moments.around_sample(summed, StoredRows((stored, first)), classes[first], 5)
    moments.add(summed, StoredRows((stored, first)), classes[first])
    moments.scaled(summed)  # looking at the sums of some does not change them
    moments.add(summed, StoredRows((stored, second)), classes[second])
    found = Scatter(*moments.scaled(summed))
    torch.testing.assert_close(summed.mean, whole.mean)
    torch.testing.assert_close(summed.scale, whole.scale, rtol=1e-4, atol=0)
    assert found.absent.tolist() == expected.absent.tolist() == [False] * 4 + [True]
    for shrinkage in (0.9, 0.1, 0.01):
        for one, other in zip(found.solve(shrinkage), expected.solve(shrinkage), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_moments__of_a_constant_are_nothing() -> None:
    stored = np.full((100, 3), 123.4, dtype=np.float16)
    stored[::2, 0] = 1
    head, classes = Head(3, 2, HeadConfig("lda", scaling="feature")), np.arange(100) // 50
    moments = Moments.around_sample(head, StoredRows(all_of(stored)), classes, 2)
    moments.add(head, StoredRows(all_of(stored)), classes)
    moments.scaled(head)
    assert float(head.scale[0]) > 0 and head.scale[1:].tolist() == [0, 0]

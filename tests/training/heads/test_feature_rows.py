import numpy as np
import pytest
import torch
from torch import Tensor

from handshape.models.heads import Head, HeadConfig
from handshape.training.heads import feature_rows as rows_module
from handshape.training.heads.feature_rows import (
    ScaledRows,
    StoredRows,
    all_of,
    inputs_of,
    join_sides,
    rows_of,
    scale_by,
)
from handshape.training.inputs import FeatureInputs

STORED = np.random.default_rng(0).normal(size=(50, 3, 2, 2)).astype(np.float16)
SOME, OTHERS = np.array([4, 2, 40]), np.array([0, 49])


def test_stored_rows__any_rows_in_any_order() -> None:
    rows = StoredRows((STORED, SOME), (STORED[::-1], OTHERS))
    assert len(rows) == 5
    expected = np.concatenate([STORED[SOME], STORED[::-1][OTHERS]]).reshape(5, 12).astype(np.float32)
    for asked in ([0, 1, 2, 3, 4], [4, 0, 3], []):
        np.testing.assert_array_equal(rows.take(np.array(asked, dtype=np.int64)).numpy(), expected[asked])


def test_stored_rows__blocks_are_bounded_and_cover_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "BLOCK", 2)
    rows = StoredRows((STORED, SOME), (STORED, OTHERS))
    places = [(place.start, place.stop, len(block)) for place, block in rows.blocks()]
    assert places == [(0, 2, 2), (2, 4, 2), (4, 5, 1)]


@pytest.mark.parametrize("at_once, kind", [(5 * 12 * 2, Tensor), (5 * 12 * 2 - 1, StoredRows)])
def test_rows_of__in_memory_up_to_a_bound(monkeypatch: pytest.MonkeyPatch, at_once: int, kind: type) -> None:
    monkeypatch.setattr(rows_module, "AT_ONCE", at_once)
    train, valid = rows_of([(STORED, SOME)], (STORED, OTHERS))
    assert isinstance(train, kind) and isinstance(valid, kind)
    every = np.arange(3)
    expected = torch.from_numpy(STORED[SOME].astype(np.float32)).flatten(1)
    assert torch.equal(inputs_of(train).take(every).flatten(1), expected)


def test_join_sides__by_blocks_as_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    parts, classes = [(STORED, SOME)], (np.array([0, 1, 2]), np.array([3, 4]))
    found = []
    for at_once in (10**6, 0):
        monkeypatch.setattr(rows_module, "AT_ONCE", at_once)
        train, valid = rows_of(parts, (STORED, OTHERS))
        rows, both = join_sides((train, classes[0]), (valid, classes[1]))
        assert both.tolist() == [0, 1, 2, 3, 4]
        found.append(inputs_of(rows).take(np.arange(5)).flatten(1))
    assert torch.equal(*found)


@pytest.mark.parametrize("scaling", ["root", "feature"])
def test_scale_by__by_blocks_as_in_memory(monkeypatch: pytest.MonkeyPatch, scaling: str) -> None:
    monkeypatch.setattr(rows_module, "BLOCK", 7)
    stored = np.abs(STORED.reshape(50, 12)).copy()
    stored[:, 5] = 123.4  # says nothing
    heads = [Head(12, 3, HeadConfig("lda", scaling=scaling)) for _ in range(2)]  # type: ignore[arg-type]
    scale_by(heads[0], torch.from_numpy(stored.astype(np.float32)))
    scale_by(heads[1], StoredRows(all_of(stored)))
    torch.testing.assert_close(heads[0].mean, heads[1].mean)
    torch.testing.assert_close(heads[0].scale, heads[1].scale)
    if scaling == "feature":
        assert float(heads[1].scale[5]) == 0


def test_scaled_rows__as_the_head_scales_them() -> None:
    head, rows = Head(12, 3, HeadConfig("mlp", scaling="feature")), StoredRows(all_of(STORED))
    scale_by(head, rows)
    asked = np.array([3, 1])
    expected = head.scaled(FeatureInputs(torch.from_numpy(STORED.astype(np.float32))).take(asked))
    assert torch.equal(ScaledRows(head, rows).take(asked), expected)
    assert len(ScaledRows(head, rows)) == 50

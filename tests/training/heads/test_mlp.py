import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from handshape.models.heads import Head
from handshape.models.network_config import HeadConfig
from handshape.training.datasets import FeatureRows, LabelledFeatures
from handshape.training.heads.mlp import train_mlp
from handshape.training.loop import LoopConfig

Side = tuple[Tensor, NDArray[np.int64]]

CONFIG = HeadConfig("mlp", None, hidden=16, scaling="feature")


def rows_of(side: Side) -> LabelledFeatures:
    return FeatureRows(side[0]), side[1]


def photos(count: int, width: int, seed: int) -> Side:
    """Three clouds of features in space, none of them negative."""
    generator = torch.Generator().manual_seed(seed)
    classes = np.arange(count) % 3
    centres = torch.randn(3, width, generator=torch.Generator().manual_seed(9))
    rows = centres[classes] + torch.randn(count, width, generator=generator)
    return rows.relu().reshape(count, width // 4, 2, 2), classes.astype(np.int64)


@pytest.mark.parametrize("count, width", [(60, 400), (120, 40)])
def test_train_mlp__learns_with_more_features_than_photos_and_with_fewer(count: int, width: int) -> None:
    head = Head(width, 3, CONFIG)
    history, logits = train_mlp(
        head, rows_of(photos(count, width, 0)), rows_of(photos(30, width, 1)), LoopConfig(epochs=20)
    )
    assert [epoch.epoch for epoch in history] == list(range(1, 21))
    assert history[-1].loss < history[0].loss
    assert max(epoch.valid_accuracy for epoch in history) >= 0.9
    others, classes = photos(60, width, 2)
    with torch.inference_mode():
        assert (head(others).argmax(dim=1).numpy() == classes).mean() > 0.9
    assert not head.training and logits.shape == (30, 3)


def test_train_mlp__valid_logits_are_of_the_epoch_that_was_kept() -> None:
    valid, head = photos(30, 400, 1), Head(400, 3, CONFIG)
    history, logits = train_mlp(head, rows_of(photos(60, 400, 0)), rows_of(valid), LoopConfig(epochs=3))
    right = float((logits.argmax(dim=1).numpy() == valid[1]).mean())
    assert right == pytest.approx(max(epoch.valid_accuracy for epoch in history))
    with torch.inference_mode():
        torch.testing.assert_close(head(valid[0]), logits, rtol=1e-4, atol=1e-4)


def test_train_mlp__same_seed_same_numbers() -> None:
    def run(seed: int) -> torch.Tensor:
        head = Head(400, 3, CONFIG)
        sides = rows_of(photos(60, 400, 0)), rows_of(photos(30, 400, 1))
        return train_mlp(head, *sides, LoopConfig(epochs=2, seed=seed))[1]

    assert torch.equal(run(1), run(1)) and not torch.equal(run(1), run(2))


def test_train_mlp__a_feature_that_never_changes_gets_no_say() -> None:
    train, valid = photos(60, 400, 0), photos(30, 400, 1)
    train[0][:, 0] = 3.0
    head = Head(400, 3, CONFIG)
    train_mlp(head, rows_of(train), rows_of(valid), LoopConfig(epochs=1))
    moved = valid[0].clone()
    moved[:, 0] += 100.0
    with torch.inference_mode():
        assert torch.equal(head(moved), head(valid[0]))
    assert isinstance(head.layers, nn.Sequential)

import numpy as np
import pytest
import torch
from tests.training.heads.clouds import Cloud, rows_of

from handshape.models.heads import Head
from handshape.models.network_config import HeadConfig
from handshape.training.heads.mlp import train_mlp
from handshape.training.loop import LoopConfig

CONFIG = HeadConfig("mlp", None, hidden=16, scaling="feature")


def photos(count: int, width: int, seed: int) -> Cloud:
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

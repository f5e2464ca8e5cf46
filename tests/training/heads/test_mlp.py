import subprocess
import sys

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.training.conftest import two_roads
from torch import Tensor, nn

from handshape.models.heads import Head, HeadConfig
from handshape.training.heads import mlp
from handshape.training.heads.dual_basis import span_of
from handshape.training.heads.mlp import train_mlp
from handshape.training.loop import LoopConfig

Side = tuple[Tensor, NDArray[np.int64]]

CONFIG = HeadConfig("mlp", None, hidden=16, scaling="feature")


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
    history, logits = train_mlp(head, photos(count, width, 0), photos(30, width, 1), LoopConfig(epochs=20))
    assert [epoch.epoch for epoch in history] == list(range(1, 21))
    assert history[-1].loss < history[0].loss
    assert max(epoch.valid_accuracy for epoch in history) > 0.9
    others, classes = photos(60, width, 2)
    with torch.inference_mode():
        assert (head(others).argmax(dim=1).numpy() == classes).mean() > 0.9
    assert not head.training and logits.shape == (30, 3)


def test_train_mlp__valid_logits_are_of_the_epoch_that_was_kept() -> None:
    valid, head = photos(30, 400, 1), Head(400, 3, CONFIG)
    history, logits = train_mlp(head, photos(60, 400, 0), valid, LoopConfig(epochs=3))
    right = float((logits.argmax(dim=1).numpy() == valid[1]).mean())
    assert right == pytest.approx(max(epoch.valid_accuracy for epoch in history))
    with torch.inference_mode():
        torch.testing.assert_close(head(valid[0]), logits, rtol=1e-4, atol=1e-4)


def test_train_mlp__the_span_begins_where_all_features_do(monkeypatch: pytest.MonkeyPatch) -> None:
    train, valid, spreads = photos(60, 4000, 0), photos(60, 4000, 1), []
    for road in (span_of, lambda rows: None):
        monkeypatch.setattr(mlp, "span_of", road)
        head = Head(4000, 3, CONFIG)
        _, logits = train_mlp(head, train, valid, LoopConfig(epochs=1, learning_rate=1e-12))
        spreads.append(float(logits.std()))
    assert spreads[0] == pytest.approx(spreads[1], rel=0.5)


def test_train_mlp__same_seed_same_numbers() -> None:
    def run(seed: int) -> torch.Tensor:
        head = Head(400, 3, CONFIG)
        return train_mlp(head, photos(60, 400, 0), photos(30, 400, 1), LoopConfig(epochs=2, seed=seed))[1]

    assert torch.equal(run(1), run(1)) and not torch.equal(run(1), run(2))


def test_train_mlp__a_feature_that_never_changes_gets_no_say() -> None:
    train, valid = photos(60, 400, 0), photos(30, 400, 1)
    train[0][:, 0] = 3.0
    head = Head(400, 3, CONFIG)
    train_mlp(head, train, valid, LoopConfig(epochs=1))
    moved = valid[0].clone()
    moved[:, 0] += 100.0
    with torch.inference_mode():
        assert torch.equal(head(moved), head(valid[0]))
    assert isinstance(head.layers, nn.Sequential)


def test_train_mlp__by_blocks_is_the_head_in_memory() -> None:
    sides = [photos(count, 40, seed) for seed, count in enumerate((300, 90, 1000))]
    whole, lying = two_roads(sides)
    found = []
    for train, valid, _ in (whole, lying):
        head = Head(40, 3, CONFIG)
        train_mlp(head, train, valid, LoopConfig(epochs=3))
        with torch.inference_mode():
            found.append(float((head(whole[2][0]).argmax(dim=1).numpy() == whole[2][1]).mean()))
    assert found[0] > 0.5
    assert found[1] == pytest.approx(found[0], abs=0.002)


def test_train_mlp__does_not_wait_for_torchs_compiler() -> None:
    # In a process of its own, for here something else has imported it.
    program = (
        "import sys, numpy as np, torch\n"
        "from handshape.models.heads import Head, HeadConfig\n"
        "from handshape.training.loop import LoopConfig\n"
        "from handshape.training.heads.mlp import train_mlp\n"
        "side = torch.rand(12, 40), np.arange(12) % 3\n"
        "history, _ = train_mlp(Head(40, 3, HeadConfig('mlp', None)), side, side, LoopConfig(epochs=1))\n"
        "print(len(history), 'torch._dynamo' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.split() == ["1", "False"], done.stderr

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from tests.training.test_tuning import Memory, network, photos
from torch.multiprocessing.spawn import spawn

from handshape.config.finetune import FinetuneOptions
from handshape.training.checkpoint import Checkpoint
from handshape.training.distributed import Alone, ChosenInputs, Together, World, share_of
from handshape.training.inputs import FeatureInputs
from handshape.training.tuning import Rate, Tuned, restored, tune


class Among:
    """One of several processes, of which nothing is asked."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size

    join = Alone.join
    total = Alone.total


@pytest.mark.parametrize("count, size", [(8, 1), (8, 2), (9, 2), (5, 4), (4, 4), (3, 4), (1, 3)])
def test_share_of__the_mean_over_the_processes_is_that_of_the_batch(count: int, size: int) -> None:
    batch, losses = np.arange(10, 10 + count), np.random.default_rng(0).normal(size=20)
    shares = [share_of(Among(rank, size), batch) for rank in range(size)]
    assert set(np.concatenate([own for own, _ in shares]).tolist()) == set(batch.tolist())
    mean = np.mean([weight * losses[own].mean() for own, weight in shares])
    assert mean == pytest.approx(losses[batch].mean())


def test_chosen_inputs() -> None:
    inputs = ChosenInputs(FeatureInputs(torch.arange(10.0)[:, None]), np.array([7, 3, 5]))
    assert len(inputs) == 3
    assert inputs.take(np.array([2, 0])).tolist() == [[5.0], [7.0]]


def tuned_by(world: World, keeper: Memory | Checkpoint) -> Tuned:
    """Tune a small network without dropout, whose chance is that of each process."""
    found = network()
    found.backbone[3] = torch.nn.Identity()  # type: ignore[operator]
    images, classes = photos(1)
    seen, known = photos(2)
    rates = [Rate(list(found.backbone.parameters()), 1e-2), Rate(list(found.head.parameters()), 1e-2)]
    train, valid = (lambda epoch: FeatureInputs(images + 0.01 * epoch)), FeatureInputs(seen)
    options = FinetuneOptions(tuning_epochs=3, patience=9)
    return tune(
        found, rates, (train, classes), (valid, known), options,
        start=(1.0, 0.3), batch_size=11, seed=3, keeper=keeper, world=world,
    )  # fmt: skip


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/group", rank=rank, world_size=2)
    tuned_by(Together(torch.device("cpu")), Checkpoint(Path(folder) / "state"))
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no gloo over a file there")
def test_tune__two_processes_learn_what_one_does(tmp_path: Path) -> None:
    spawn(work, args=(str(tmp_path),), nprocs=2)  # type: ignore[no-untyped-call]
    kept = Checkpoint(tmp_path / "state").load()
    assert kept is not None
    together, alone = restored(kept), tuned_by(Alone(), Memory())
    assert together.best == alone.best > 0
    for one, other in zip(together.history, alone.history, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-3)
        assert (one.train_accuracy, one.valid_accuracy) == pytest.approx(
            (other.train_accuracy, other.valid_accuracy)
        )
    for name, tensor in alone.state.items():
        torch.testing.assert_close(together.state[name], tensor, rtol=1e-3, atol=1e-4)

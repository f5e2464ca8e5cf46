import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.training.test_loop import FINE_TUNING, Memory, Rows, network, photos

from handshape.training.checkpoint import Checkpoint
from handshape.training.datasets import FeatureRows, Labelled
from handshape.training.distributed import Processes, ProcessGroup, share_of
from handshape.training.loop import LoopResult, LoopSettings, kept_result, parameter_group, train_loop


@pytest.mark.parametrize("count, size", [(8, 1), (8, 2), (9, 2), (5, 4), (4, 4), (3, 4), (1, 3)])
def test_share_of__the_mean_over_the_processes_is_that_of_the_batch(count: int, size: int) -> None:
    batch, losses = np.arange(10, 10 + count), np.random.default_rng(0).normal(size=20)
    shares = []
    for rank in range(size):
        processes = Processes()
        processes.rank, processes.size = rank, size
        shares.append(share_of(processes, batch))
    assert set(np.concatenate([own for own, _ in shares]).tolist()) == set(batch.tolist())
    mean = np.mean([weight * losses[own].mean() for own, weight in shares])
    assert mean == pytest.approx(losses[batch].mean())


def trained_by(processes: Processes, keeper: Checkpoint) -> LoopResult:
    """Train a small network without dropout, whose random numbers are those of each process."""
    found = network(dropout=0.0)
    images, classes = photos(1)
    seen, known = photos(2)
    groups = [parameter_group(part.parameters(), 1e-2) for part in (found.backbone, found.head)]
    settings = LoopSettings(epochs=3, batch_size=11, seed=3, **FINE_TUNING)
    return train_loop(
        found,
        groups,
        Labelled(Rows(images, drift=0.01), classes),
        Labelled(FeatureRows(seen), known),
        settings,
        start=(1.0, 0.3),
        keeper=keeper,
        processes=processes,
    )


def work(rank: int, folder: str) -> None:
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/group", rank=rank, world_size=2)
    trained_by(ProcessGroup(torch.device("cpu")), Checkpoint(Path(folder) / "state"))
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no gloo over a file there")
def test_train_loop__two_processes_learn_what_one_does(tmp_path: Path) -> None:
    from torch.multiprocessing.spawn import spawn

    spawn(work, args=(str(tmp_path),), nprocs=2)  # type: ignore[no-untyped-call]
    kept = Checkpoint(tmp_path / "state").load()
    assert kept is not None
    together, alone = kept_result(kept), trained_by(Processes(), Memory())
    assert together.best == alone.best > 0
    for one, other in zip(together.history, alone.history, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-3)
        assert (one.train_accuracy, one.valid_accuracy) == pytest.approx(
            (other.train_accuracy, other.valid_accuracy)
        )
    for name, tensor in alone.state.items():
        torch.testing.assert_close(together.state[name], tensor, rtol=1e-3, atol=1e-4)

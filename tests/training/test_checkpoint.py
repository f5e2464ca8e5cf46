import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from handshape.errors import OutputError
from handshape.training.checkpoint import Checkpoint, capture, restore
from handshape.training.loop import LoopConfig, train_network


class StoppedError(Exception):
    """What stands for a power cut."""


class Rows:
    def __init__(self, rows: Tensor) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, indices: np.ndarray) -> Tensor:
        return self._rows[torch.from_numpy(np.asarray(indices))]


class CutAfter(Checkpoint):
    """A checkpoint after whose n-th state the power goes."""

    def __init__(self, path: Path, states: int) -> None:
        super().__init__(path)
        self._left = states

    def save(self, state: object) -> None:
        super().save(state)  # type: ignore[arg-type]
        self._left -= 1
        if not self._left:
            raise StoppedError


def train(keeper: Checkpoint | None) -> tuple[nn.Module, list[tuple[float, ...]]]:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 2, 40)
    rows = torch.from_numpy(rng.normal(classes[:, None], 1.0, (40, 5)).astype(np.float32))
    make = lambda: nn.Sequential(nn.Linear(5, 8), nn.Dropout(0.5), nn.BatchNorm1d(8), nn.Linear(8, 2))  # noqa: E731
    sides = (Rows(rows[:30]), classes[:30]), (Rows(rows[30:]), classes[30:])
    network, history = train_network(make, *sides, LoopConfig(epochs=5, batch_size=8), keeper=keeper)
    return network, [(e.epoch, e.loss, e.train_accuracy, e.valid_accuracy) for e in history]


def test_checkpoint__none_before_the_first(tmp_path: Path) -> None:
    assert Checkpoint(tmp_path / "deep" / "down").load() is None
    assert not (tmp_path / "deep").exists()


def test_checkpoint__the_latest_state_and_nothing_beside_it(tmp_path: Path) -> None:
    keeper = Checkpoint(tmp_path / "deep" / "training")
    keeper.save({"epoch": 1, "weights": torch.arange(3.0)})
    keeper.save({"epoch": 2, "weights": torch.arange(4.0)})
    state = keeper.load()
    assert state is not None and state["epoch"] == 2 and torch.equal(state["weights"], torch.arange(4.0))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["training"]


def test_checkpoint__runs_no_code(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "trapped",)

    path = tmp_path / "state"
    torch.save({"epoch": Trap()}, path)
    message = (
        f"the checkpoint '{path}' is damaged (UnpicklingError); expected a checkpoint as handshape wrote it; "
        "delete it: the step begins again"
    )
    with pytest.raises(OutputError, match=re.escape(message)):
        Checkpoint(path).load()
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("epochs", [1, 3, 4])
def test_train_network__goes_on_to_the_very_same_weights(tmp_path: Path, epochs: int) -> None:
    whole, history = train(None)
    with pytest.raises(StoppedError):
        train(CutAfter(tmp_path / "training", epochs))
    torch.manual_seed(99)  # what other code drew meanwhile must not matter
    resumed, again = train(Checkpoint(tmp_path / "training"))
    assert again == history
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_restore__momentum_and_random_numbers_too(tmp_path: Path) -> None:
    def step(network: nn.Module, optimiser: torch.optim.Optimizer, order: torch.Generator) -> float:
        loss = network(torch.randn(4, 3) + torch.randn(4, 3, generator=order)).square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    def fresh() -> tuple[nn.Module, torch.optim.Optimizer, torch.Generator]:
        torch.manual_seed(5)
        network = nn.Linear(3, 2)
        return network, torch.optim.Adam(network.parameters(), 0.1), torch.Generator().manual_seed(1)

    with torch.random.fork_rng(devices=[]):
        first = fresh()
        step(*first)
        Checkpoint(tmp_path / "state").save(capture(*first))
        expected = [step(*first) for _ in range(3)]
        second = fresh()
        state = Checkpoint(tmp_path / "state").load()
        assert state is not None
        restore(state, *second)
        assert [step(*second) for _ in range(3)] == expected

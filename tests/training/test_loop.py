import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from handshape.data.images.prepared import BatchedDataset, BatchIndices
from handshape.models.cnn import CNN
from handshape.models.heads import Head, Pool
from handshape.models.network_config import HeadConfig
from handshape.models.sign_network import BackboneClassifier
from handshape.training.checkpoint import Checkpoint
from handshape.training.datasets import FeatureRows, Labelled
from handshape.training.history import Epoch
from handshape.training.loop import (
    LoopConfig,
    LoopResult,
    LoopSettings,
    parameter_group,
    train_loop,
    train_network,
)
from handshape.training.predict import evaluate_network

Classes = NDArray[np.int64]
COUNT, LABELS = 48, 3


class Rows(BatchedDataset[Tensor]):
    """Inputs in memory that remember what was asked of them, and change a little in every epoch."""

    def __init__(self, tensor: Tensor, drift: float = 0.0) -> None:
        self.tensor, self.asked, self._drift, self._epoch = tensor, list[list[int]](), drift, 0

    def __len__(self) -> int:
        return len(self.tensor)

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __getitems__(self, indices: BatchIndices) -> Tensor:
        self.asked.append([int(i) for i in indices])
        return self.tensor[torch.from_numpy(np.asarray(indices))] + self._drift * self._epoch


def blobs(count: int, width: int = 4, seed: int = 0) -> tuple[Rows, Classes]:
    """Two clouds that a line tells apart."""
    generator = torch.Generator().manual_seed(seed)
    classes = np.arange(count) % 2
    points = torch.randn(count, width, generator=generator)
    points[:, 0] += torch.from_numpy(4.0 * classes - 2).float()
    return Rows(points), classes.astype(np.int64)


def linear() -> nn.Module:
    return nn.Linear(4, 2)


def without_seconds(history: list[Epoch]) -> list[Epoch]:
    return [replace(epoch, seconds=0.0) for epoch in history]


def test_train_network__learns_and_says_what_happened() -> None:
    train, valid = blobs(60), blobs(40, seed=1)
    config = LoopConfig(epochs=15, learning_rate=0.05, batch_size=60)
    network, history = train_network(linear, train, valid, config)
    assert [epoch.epoch for epoch in history] == list(range(1, 16))
    assert history[-1].loss < history[0].loss and not network.training
    torch.manual_seed(0)
    loss, accuracy = evaluate_network(nn.Linear(4, 2), *train)  # a single step: measured before it
    assert history[0].loss == pytest.approx(loss, rel=1e-5)
    assert history[0].train_accuracy == pytest.approx(accuracy)
    best = max(epoch.valid_accuracy for epoch in history)
    assert best > 0.9 and evaluate_network(network, *valid)[1] == best


@pytest.mark.parametrize(
    "make, shape",
    [
        (lambda: CNN(2, 32).to(memory_format=torch.channels_last), (3, 32, 32)),
        (lambda: nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2)), (4,)),
    ],
)
def test_train_network__same_seed_same_history_bit_for_bit(
    make: Callable[[], nn.Module], shape: tuple[int, ...]
) -> None:
    def run(seed: int) -> tuple[list[Epoch], list[Tensor]]:
        inputs = torch.randn(37, *shape, generator=torch.Generator().manual_seed(3))
        data = Rows(inputs), (np.arange(37) % 2).astype(np.int64)
        network, history = train_network(make, data, data, LoopConfig(epochs=3, batch_size=8, seed=seed))
        return without_seconds(history), list(network.state_dict().values())

    torch.manual_seed(1)
    state = torch.get_rng_state()
    first, again, other = run(5), run(5), run(6)
    assert first[0] == again[0] != other[0]
    assert all(torch.equal(a, b) for a, b in zip(first[1], again[1], strict=True))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("count, sizes", [(10, [4, 4, 2]), (9, [4, 5]), (5, [5]), (1, [1])])
def test_train_network__a_single_last_image_joins_the_batch_before(count: int, sizes: list[int]) -> None:
    rows, classes = blobs(count)
    train_network(linear, (rows, classes), blobs(4), LoopConfig(epochs=2, batch_size=4))
    assert [len(batch) for batch in rows.asked] == sizes * 2
    epochs = rows.asked[: len(sizes)], rows.asked[len(sizes) :]
    for epoch in epochs:
        assert sorted(index for batch in epoch for index in batch) == list(range(count))
    assert epochs[0] != epochs[1] or count == 1  # another order each time


class Scripted(nn.Module):
    """Classifies as many validation images correctly as its script says for each evaluation."""

    def __init__(self, script: list[int]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.register_buffer("looks", torch.zeros((), dtype=torch.int64))
        self.script = script

    looks: Tensor

    def forward(self, rows: Tensor) -> Tensor:
        right = torch.full((len(rows),), self.weight.item() * 0)
        if not self.training:
            right[: self.script[int(self.looks)]] = 1
            self.looks += 1
        logits = torch.stack([right, 1 - right], dim=1) * 5
        return logits + 0 * self.weight


@pytest.mark.parametrize("script, kept", [([1, 4, 3], 2), ([4, 2, 1], 1), ([2, 2, 3], 3), ([3, 3, 3], 1)])
def test_train_network__keeps_the_epoch_with_the_best_validation(script: list[int], kept: int) -> None:
    classes = np.zeros(4, dtype=np.int64)
    data = Rows(torch.zeros(4, 1)), classes
    network, history = train_network(lambda: Scripted(script), data, data, LoopConfig(epochs=3))
    assert [epoch.valid_accuracy for epoch in history] == [count / 4 for count in script]
    assert isinstance(network, Scripted) and int(network.looks) == kept


class KilledError(Exception):
    """The program was killed."""


class Memory(Checkpoint):
    """Keeps states as a file would: copied, and without anything but plain data."""

    def __init__(self, stop_at: int | None = None, state: dict[str, Any] | None = None) -> None:
        super().__init__(Path())
        self.states: list[dict[str, Any]] = [state] if state else []
        self._stop_at = stop_at

    def load(self) -> dict[str, Any] | None:
        return self.states[-1] if self.states else None

    def save(self, state: Mapping[str, Any]) -> None:
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        buffer.seek(0)
        self.states.append(torch.load(buffer, weights_only=True))
        if len(self.states) == self._stop_at:
            raise KilledError


def network(dropout: float = 0.1) -> BackboneClassifier:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(dropout))
    return BackboneClassifier(body, Pool(2, 6, 6), Head(32, LABELS, HeadConfig("lda", 2)))


def photos(seed: int) -> tuple[Tensor, Classes]:
    rng = np.random.default_rng(seed)
    classes = np.arange(COUNT) % LABELS
    images = rng.normal(size=(COUNT, 3, 8, 8)).astype(np.float32)
    images[np.arange(COUNT), classes] += 1.0
    return torch.from_numpy(images), classes


FINE_TUNING: dict[str, Any] = {
    "optimiser": torch.optim.AdamW, "warm_up": True, "average": True, "clip": 1.0, "frozen_statistics": True,
}  # fmt: skip


def run(
    found: BackboneClassifier, keeper: Memory | None = None, wrong: bool = False, **options: Any
) -> LoopResult:
    """Fine-tune a small network, or, with wrong labels, make it worse in every step."""
    images, classes = photos(2 if wrong else 1)
    seen, known = photos(2)
    groups = [parameter_group(part.parameters(), 1e-2) for part in (found.backbone, found.head)]
    settings = LoopSettings(**{"epochs": 4, "batch_size": 8, "seed": 3, "patience": 9, **options})
    train = Labelled(Rows(images, drift=0.01), (classes + wrong) % LABELS)
    valid = Labelled(FeatureRows(seen), known)
    return train_loop(found, groups, train, valid, settings, start=(1.0, 0.3), keeper=keeper)


def test_train_loop__learns_and_counts_the_start_as_an_epoch() -> None:
    tuned = run(network(), **FINE_TUNING)
    assert [epoch.epoch for epoch in tuned.history] == [0, 1, 2, 3, 4]
    assert (tuned.history[0].loss, tuned.history[0].train_accuracy) == (1.0, 0.3)
    assert tuned.best > 0
    assert tuned.score[0] == max(epoch.valid_accuracy for epoch in tuned.history)
    assert tuned.score[0] > tuned.history[0].valid_accuracy


def test_train_loop__stops_early_and_keeps_the_start_where_nothing_is_better() -> None:
    good, found = run(network(), **FINE_TUNING), network()
    found.load_state_dict(good.state)
    tuned = run(found, wrong=True, patience=2, **FINE_TUNING)
    assert tuned.best == 0 and tuned.history[-1].epoch == 2
    assert all(torch.equal(tuned.state[name], good.state[name]) for name in good.state)


@pytest.mark.parametrize("stops", [(1,), (1, 1, 2)])
@pytest.mark.parametrize("options", [FINE_TUNING, {"keep": "last", "warm_up": True}])
def test_train_loop__killed_and_repeated_gives_the_same_numbers(
    stops: tuple[int, ...], options: dict[str, Any]
) -> None:
    whole = run(network(), **options)
    state: dict[str, Any] | None = None
    for stop in stops:
        keeper = Memory(stop + (state is not None), state)
        with pytest.raises(KilledError):
            run(network(), keeper, **options)
        state = keeper.states[-1]
        torch.manual_seed(12345)  # another process has other random numbers
    again = run(network(), Memory(state=state), **options)
    assert (again.best, again.score) == (whole.best, whole.score)
    assert all(torch.equal(again.state[name], whole.state[name]) for name in whole.state)
    assert [replace(e, seconds=0) for e in again.history] == [replace(e, seconds=0) for e in whole.history]


@pytest.mark.parametrize("frozen", [False, True])
def test_train_loop__statistics_of_batch_norm_stay_where_they_are_frozen(frozen: bool) -> None:
    found = network()
    norm = found.backbone.get_submodule("1")
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None
    before = norm.running_mean.clone()
    run(found, frozen_statistics=frozen)
    assert torch.equal(before, norm.running_mean) == frozen

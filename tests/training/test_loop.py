from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from handshape.errors import UsageError
from handshape.models.cnn import CNN
from handshape.training.history import Epoch
from handshape.training.loop import (
    LoopConfig,
    evaluate_network,
    predict_logits,
    probabilities_of,
    train_network,
)

Classes = NDArray[np.int64]


class Rows:
    """Inputs in memory that remember what was asked of them."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor, self.asked = tensor, list[list[int]]()

    def __len__(self) -> int:
        return len(self.tensor)

    def take(self, indices: NDArray[np.int64]) -> Tensor:
        self.asked.append([int(i) for i in indices])
        return self.tensor[torch.from_numpy(indices)]


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


def test_train_network__learns() -> None:
    network, history = train_network(
        linear, blobs(60), blobs(40, seed=1), LoopConfig(epochs=15, learning_rate=0.05)
    )
    assert [epoch.epoch for epoch in history] == list(range(1, 16))
    assert history[-1].loss < history[0].loss
    assert history[-1].valid_accuracy > 0.9
    assert not network.training


@pytest.mark.parametrize(
    "make, shape",
    [
        (linear, (4,)),
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

    first, again, other = run(5), run(5), run(6)
    assert first[0] == again[0] != other[0]
    assert all(torch.equal(a, b) for a, b in zip(first[1], again[1], strict=True))


def test_train_network__leaves_the_random_generator_alone() -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    train_network(linear, blobs(8), blobs(8), LoopConfig(epochs=1))
    assert torch.equal(torch.get_rng_state(), state)


def test_train_network__uses_the_last_incomplete_batch() -> None:
    rows, classes = blobs(10)
    train_network(linear, (rows, classes), blobs(4), LoopConfig(epochs=2, batch_size=4))
    assert [len(batch) for batch in rows.asked] == [4, 4, 2] * 2
    for epoch in (rows.asked[:3], rows.asked[3:]):
        assert sorted(index for batch in epoch for index in batch) == list(range(10))
    assert rows.asked[:3] != rows.asked[3:]  # another order each time


@pytest.mark.parametrize("count, sizes", [(9, [4, 5]), (5, [5]), (1, [1]), (4, [4])])
def test_train_network__a_single_last_image_joins_the_batch_before(count: int, sizes: list[int]) -> None:
    rows, classes = blobs(count)
    train_network(linear, (rows, classes), blobs(4), LoopConfig(epochs=1, batch_size=4))
    assert [len(batch) for batch in rows.asked] == sizes


def test_train_network__batch_norm_survives_a_single_last_image() -> None:
    images = Rows(torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(0)))
    data = images, np.array([0, 1, 0, 1, 0])
    _, history = train_network(lambda: CNN(2, 16), data, data, LoopConfig(epochs=1, batch_size=2))
    assert np.isfinite(history[0].loss)


class Scripted(nn.Module):
    """Reads as many valid images right as its script says for each look at them."""

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
def test_train_network__keeps_the_epoch_that_reads_valid_best(script: list[int], kept: int) -> None:
    classes = np.zeros(4, dtype=np.int64)  # what is looked at in one go
    data = Rows(torch.zeros(4, 1)), classes
    network, history = train_network(lambda: Scripted(script), data, data, LoopConfig(epochs=3))
    assert [epoch.valid_accuracy for epoch in history] == [count / 4 for count in script]
    assert isinstance(network, Scripted) and int(network.looks) == kept


def test_train_network__history_is_what_happened() -> None:
    train, valid = blobs(20), blobs(12, seed=2)
    network, history = train_network(linear, train, valid, LoopConfig(epochs=1, batch_size=20))
    torch.manual_seed(0)
    before = nn.Linear(4, 2)
    loss, accuracy = evaluate_network(before, *train)  # a single step: counted before it
    assert history[0].loss == pytest.approx(loss, rel=1e-5)
    assert history[0].train_accuracy == pytest.approx(accuracy)
    assert history[0].valid_accuracy == evaluate_network(network, *valid)[1]


def test_evaluate_network__loss_and_accuracy() -> None:
    network = nn.Identity()
    network.register_parameter("place", nn.Parameter(torch.zeros(1)))
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 1.0]])
    loss, accuracy = evaluate_network(network, Rows(logits), np.array([0, 1, 1]))
    expected = -np.mean(
        [np.log(np.exp(2) / (np.exp(2) + 1)), np.log(np.e / (np.e + 1)), -2 - np.log1p(np.exp(-2))]
    )
    assert loss == pytest.approx(expected, rel=1e-5)
    assert accuracy == pytest.approx(2 / 3)


def test_predict_logits__in_order_without_gradients_or_changes() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5)).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    rows = blobs(300)[0]
    logits = predict_logits(network, rows)
    assert logits.shape == (300, 3) and not logits.requires_grad and not logits.is_inference()
    assert torch.allclose(logits[299], network.eval()(rows.tensor[299:])[0], atol=1e-6)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_probabilities_of__softmax_at_a_temperature() -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0]])
    assert probabilities_of(logits).sum() == pytest.approx(1)
    assert np.allclose(probabilities_of(logits, 2.0), probabilities_of(logits / 2))
    assert probabilities_of(logits, 3.0).max() < probabilities_of(logits).max()
    assert probabilities_of(logits).dtype == np.float32


@pytest.mark.parametrize(
    "options, text",
    [
        ({"epochs": 0}, "--epochs 0; expected a positive number; change it"),
        ({"batch_size": -1}, "--batch-size -1; expected a positive number; change it"),
        ({"learning_rate": 0.0}, "--learning-rate 0.0; expected a positive number; change it"),
        ({"weight_decay": -0.1}, "--weight-decay -0.1; expected zero or more; change it"),
    ],
)
def test_loop_config__refuses_numbers_out_of_range(options: dict[str, float], text: str) -> None:
    with pytest.raises(UsageError, match=f"^{text}$"):
        LoopConfig(**options)  # type: ignore[arg-type]


def test_loop_config__defaults_are_the_lesson_s() -> None:
    config = LoopConfig()
    assert (config.epochs, config.batch_size, config.learning_rate, config.weight_decay) == (7, 32, 1e-3, 0)

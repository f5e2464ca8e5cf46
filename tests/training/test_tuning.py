from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from handshape.config.finetune import FinetuneOptions
from handshape.errors import UsageError
from handshape.models.backbone_classifier import BackboneClassifier
from handshape.models.heads import Head, HeadConfig, Pool
from handshape.training.inputs import FeatureInputs
from handshape.training.tuning import Rate, Tuned, tune

COUNT, LABELS = 48, 3


class KilledError(Exception):
    """The program was killed."""


class Memory:
    """Keeps states as a file would: copied, and without anything but plain data."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.states: list[dict[str, Any]] = []
        self._stop_at = stop_at

    def load(self) -> dict[str, Any] | None:
        return self.states[-1] if self.states else None

    def save(self, state: Mapping[str, Any]) -> None:
        import io

        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        buffer.seek(0)
        self.states.append(torch.load(buffer, weights_only=True))
        if len(self.states) == self._stop_at:
            raise KilledError


def network() -> BackboneClassifier:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.1))
    return BackboneClassifier(body, Pool(2, 6, 6), Head(32, LABELS, HeadConfig("lda", 2)))


def photos(seed: int) -> tuple[torch.Tensor, Any]:
    rng = np.random.default_rng(seed)
    classes = np.arange(COUNT) % LABELS
    images = rng.normal(size=(COUNT, 3, 8, 8)).astype(np.float32)
    images[np.arange(COUNT), classes] += 1.0
    return torch.from_numpy(images), classes


def run(found: BackboneClassifier, keeper: Memory | None = None, **options: Any) -> Tuned:
    images, classes = photos(1)
    seen, known = photos(2)
    body, head = found.backbone, found.head
    rates = [Rate(list(body.parameters()), 1e-2), Rate(list(head.parameters()), 1e-2)]
    settings = FinetuneOptions(**{"tuning_epochs": 4, "patience": 9, **options})
    train = (lambda epoch: FeatureInputs(images + 0.01 * epoch)), classes
    valid = FeatureInputs(seen), known
    return tune(found, rates, train, valid, settings, start=(1.0, 0.3), batch_size=8, seed=3, keeper=keeper)


def test_tune__learns_and_counts_the_start_as_an_epoch() -> None:
    tuned = run(network())
    assert [epoch.epoch for epoch in tuned.history] == [0, 1, 2, 3, 4]
    assert (tuned.history[0].loss, tuned.history[0].train_accuracy) == (1.0, 0.3)
    assert tuned.best > 0
    assert tuned.valid[0] == max(epoch.valid_accuracy for epoch in tuned.history)
    assert tuned.valid[0] > tuned.history[0].valid_accuracy


def run_on_wrong_labels(found: BackboneClassifier, good: Tuned) -> Tuned:
    """Tune what reads well on photos whose labels are wrong: every step makes it worse."""
    images, classes = photos(2)
    found.load_state_dict(good.state)
    return tune(
        found,
        [Rate(list(found.parameters()), 1e-2)],
        (lambda _: FeatureInputs(images), (classes + 1) % LABELS),
        (FeatureInputs(images), classes),
        FinetuneOptions(tuning_epochs=5, patience=2),
        start=(0.0, 1.0),
        batch_size=8,
        seed=0,
    )


def test_tune__the_start_is_kept_where_nothing_is_better() -> None:
    good = run(network())
    tuned = run_on_wrong_labels(network(), good)
    assert tuned.best == 0 and tuned.state.keys() == good.state.keys()
    assert all(torch.equal(tuned.state[name], good.state[name]) for name in tuned.state)


@pytest.mark.parametrize("stops", [(1,), (2,), (1, 1, 2)])
@pytest.mark.parametrize("options", [{}, {"mixup": 0.4, "label_smoothing": 0.1, "batch_norm": "batch"}])
def test_tune__stopped_and_gone_on_with_gives_the_same_numbers(
    stops: tuple[int, ...], options: dict[str, Any]
) -> None:
    whole = run(network(), **options)
    state: dict[str, Any] | None = None
    for stop in stops:
        keeper = Memory(stop)
        if state is not None:
            keeper.states, keeper._stop_at = [state], stop + 1
        with pytest.raises(KilledError):
            run(network(), keeper, **options)
        state = keeper.states[-1]
        torch.manual_seed(12345)  # another process has other random numbers
    keeper = Memory()
    assert state is not None
    keeper.states = [state]
    again = run(network(), keeper, **options)
    assert again.best == whole.best and again.valid == whole.valid
    assert all(torch.equal(again.state[name], whole.state[name]) for name in whole.state)
    figures = [
        [(e.epoch, e.loss, e.train_accuracy, e.valid_accuracy) for e in t.history] for t in (again, whole)
    ]
    assert figures[0] == figures[1]


def test_tune__stops_early() -> None:
    wrong = run_on_wrong_labels(network(), run(network()))
    assert wrong.best == 0 and wrong.history[-1].epoch == 2


def test_tune__statistics_of_batch_norm_stay_unless_asked_otherwise() -> None:
    for kind, changes in (("frozen", False), ("batch", True)):
        found = network()
        body = found.backbone
        assert isinstance(body, nn.Sequential)
        norm = body[1]
        assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None
        before = norm.running_mean.clone()
        run(found, batch_norm=kind)
        assert torch.equal(before, norm.running_mean) != changes


def test_tune__mixed_precision_learns_too() -> None:
    tuned = run(network(), tuning_precision="mixed")
    assert tuned.valid[0] > tuned.history[0].valid_accuracy


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tuning_epochs": 0}, "--tuning-epochs 0; expected a positive number"),
        ({"tuning_rate": -1.0}, "--tuning-rate -1.0; expected a positive number"),
        ({"patience": 0}, "--patience 0; expected a positive number"),
        ({"mixup": -0.1}, "--mixup -0.1; expected zero or more"),
        ({"label_smoothing": 1.0}, "--label-smoothing 1.0; expected zero or more, below 1"),
    ],
)
def test_options__ranges(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        FinetuneOptions(**options)

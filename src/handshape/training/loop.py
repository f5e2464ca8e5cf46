"""The one training loop: for the CNN, the MLP head, fine-tuning and decoders."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from handshape.config.train import LoopOptions
from handshape.inference.batch_retry import BATCH_NORMS, Portions
from handshape.progress import say, track
from handshape.training.checkpoint import Checkpoint
from handshape.training.datasets import Inputs, Labelled
from handshape.training.distributed import Processes, share_of
from handshape.training.history import Epoch
from handshape.training.predict import CLASSIFICATION, Objective, sums_over

# Share of the steps in which learning rates rise.
_WARM_UP = 0.1
# Weight of the moving average of the weights against the newest ones: the last fifty steps or so count.
_AVERAGING = 0.98

_Network = TypeVar("_Network", bound=nn.Module)
State = dict[str, Tensor]
Score = tuple[float, float]
Trainer = Callable[..., "LoopResult"]
"""`train_loop`, or what takes its arguments but for ``keeper`` and ``processes`` and trains elsewhere."""


@dataclass(frozen=True, kw_only=True)
class LoopConfig(LoopOptions):
    """How the CNN and the MLP head are trained; the defaults are the lesson's.

    Args:
        epochs: Passes over the training images.
        batch_size: Images in a step; the last step of an epoch takes what is left.
        learning_rate: Of Adam.
        weight_decay: Of Adam (L2).
        seed: Fixes the first weights and the order of the images.

    Raises:
        UsageError: A number is out of its range.
    """

    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """How `train_loop` trains.

    Args:
        epochs: Most passes over the training data.
        batch_size: Samples in a step.
        seed: Fixes every random choice.
        weight_decay: Of the optimiser.
        optimiser: Adam or AdamW.
        warm_up: Whether learning rates rise for a tenth of the steps and then fall along a cosine to 0.
        average: Whether a moving average of the weights is evaluated and kept.
        clip: Largest norm of a step's gradients; ``None`` for any.
        patience: Epochs without a better one after which training stops; ``None`` for never.
        frozen_statistics: Whether batch normalisation keeps its statistics.
        keep: Which epoch's weights are the result.

    Source: Loshchilov and Hutter, SGDR, ICLR 2017 (cosine) and Decoupled Weight Decay Regularization, ICLR
    2019 (AdamW).
    """

    epochs: int
    batch_size: int
    seed: int
    weight_decay: float = 0.0
    optimiser: type[torch.optim.Adam] = torch.optim.Adam
    warm_up: bool = False
    average: bool = False
    clip: float | None = None
    patience: int | None = None
    frozen_statistics: bool = False
    keep: Literal["best", "last"] = "best"


@dataclass(frozen=True)
class LoopResult:
    """The epoch that was kept.

    Args:
        best: Its number, 0 for the network as it came.
        state: State dict of the network then.
        score: Metric and minus the loss on validation then.
        history: One row per epoch, that of the start first where it counts.
    """

    best: int
    state: State
    score: Score = (-math.inf, -math.inf)
    history: list[Epoch] = field(default_factory=list)


def train_network(
    make: Callable[[], _Network],
    train: tuple[Inputs, NDArray[np.int64]],
    valid: tuple[Inputs, NDArray[np.int64]],
    config: LoopConfig,
    *,
    device: torch.device | None = None,
    what: str = "Training",
    keeper: Checkpoint | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> tuple[_Network, list[Epoch]]:
    """Train a classifier from its first weights and keep the epoch with the best validation accuracy.

    Args:
        make: Makes the network; called after seeding.
        train: Inputs and their (N,) int64 classes.
        valid: The same for validation.
        config: Epochs, batch size, rates and seed.
        device: Where to train; ``None`` for the CPU.
        what: Name shown with the progress.
        keeper: Keeps the state after every epoch; training continues from what it holds.
        on_epoch: Called after every epoch.

    Returns:
        The network of the best epoch (of equals, the one with the least validation loss), in evaluation mode
        and on the CPU, and the history.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = make().to(device or torch.device("cpu"))
    settings = LoopSettings(
        epochs=config.epochs,
        batch_size=config.batch_size,
        seed=config.seed,
        weight_decay=config.weight_decay,
    )
    groups = [parameter_group(network.parameters(), config.learning_rate)]
    found = train_loop(
        network,
        groups,
        Labelled(*train),
        Labelled(*valid),
        settings,
        what=what,
        keeper=keeper,
        on_epoch=on_epoch,
    )
    network.load_state_dict(found.state)
    return network.eval().cpu(), found.history


def parameter_group(parameters: Iterable[nn.Parameter], rate: float) -> dict[str, Any]:
    """Return parameters with their highest learning rate, as torch's optimisers take them."""
    return {"params": list(parameters), "lr": rate}


def train_loop(
    network: nn.Module,
    groups: Sequence[dict[str, Any]],
    train: Labelled,
    valid: Labelled,
    settings: LoopSettings,
    *,
    start: tuple[float, float] | None = None,
    objective: Objective = CLASSIFICATION,
    forward: nn.Module | None = None,
    what: str = "Training",
    keeper: Checkpoint | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    processes: Processes | None = None,
) -> LoopResult:
    """Train a network.

    Args:
        network: On the device where it is trained; changed here.
        groups: Its parameters that are trained, with their highest learning rates.
        train: Training data.
        valid: Validation data.
        settings: Epochs, schedule and the rest.
        start: Loss and metric of the network as it comes on the training data, where that counts as an epoch.
        objective: Loss and metric.
        forward: The network in mixed precision, with the same parameters, which training runs in its place.
        what: Name shown with the progress.
        keeper: Keeps the state after every epoch; training continues from what it holds.
        on_epoch: Called after every epoch.
        processes: The processes that train together; each calls this with the same arguments.

    Returns:
        The epoch that was kept.
    """
    place = processes or Processes()
    run = _Run(network, groups, train, valid, settings, objective, forward, place)
    kept = keeper.load() if keeper else None
    with torch.random.fork_rng(devices=[]), track(what, settings.epochs * len(train)) as advance:
        found = run.restore(kept) if kept else run.begin(start)
        done = found.history[-1].epoch if found.history else 0
        if kept:
            say(f"{what} continues after epoch {done}, where it was stopped.")
        advance(done * len(train))
        for number in range(done + 1, settings.epochs + 1):
            if settings.patience is not None and number - found.best > settings.patience:
                say(f"No better epoch since number {found.best}: training stops.")
                break
            found = run.one_epoch(number, found, advance)
            if keeper and place.rank == 0:
                keeper.save(run.capture(found))
            if on_epoch is not None:
                on_epoch(found.history[-1])
    return found


class _Run:
    def __init__(
        self,
        network: nn.Module,
        groups: Sequence[dict[str, Any]],
        train: Labelled,
        valid: Labelled,
        settings: LoopSettings,
        objective: Objective,
        forward: nn.Module | None,
        processes: Processes,
    ) -> None:
        self._network, self._train, self._valid = network, train, valid
        self._settings, self._objective, self._processes = settings, objective, processes
        self._place = groups[0]["params"][0].device
        self._forward = processes.join(forward or network)
        self._portions = Portions(network)
        self._order = torch.Generator().manual_seed(settings.seed)
        self._optimiser = settings.optimiser(
            list(groups), weight_decay=settings.weight_decay, fused=self._place.type in ("cpu", "cuda")
        )
        steps = settings.epochs * len(batches_of(np.arange(len(train)), settings.batch_size))
        factor = partial(_warm_up_and_cosine, steps) if settings.warm_up else _constant
        self._schedule = LambdaLR(self._optimiser, factor)
        self._average: AveragedModel | None = None
        if settings.average:
            self._average = AveragedModel(network, multi_avg_fn=_moving_average)
            self._average.n_averaged.fill_(1)  # the start is the first that counts

    @property
    def _evaluated(self) -> nn.Module:
        return self._network if self._average is None else self._average.module

    def begin(self, start: tuple[float, float] | None) -> LoopResult:
        if start is None:
            return LoopResult(0, _copied(self._network))
        began = time.perf_counter()
        loss, metric = self._evaluate()
        row = Epoch(0, *start, metric, time.perf_counter() - began)
        return LoopResult(0, _copied(self._network), (metric, -loss), [row])

    def one_epoch(self, number: int, found: LoopResult, advance: Callable[[int], None]) -> LoopResult:
        began = time.perf_counter()
        loss, metric = self._one_pass(number, advance)
        valid_loss, valid_metric = self._evaluate()
        row = Epoch(number, loss, metric, valid_metric, time.perf_counter() - began)
        score, history = (valid_metric, -valid_loss), [*found.history, row]
        if score > found.score or self._settings.keep == "last":
            return LoopResult(number, _copied(self._evaluated), score, history)
        return LoopResult(found.best, found.state, found.score, history)

    def _one_pass(self, number: int, advance: Callable[[int], None]) -> tuple[float, float]:
        settings, train = self._settings, self._train
        torch.manual_seed(settings.seed * 1_000_003 + number)  # for dropout
        train.set_epoch(number)
        self._network.train()
        if settings.frozen_statistics:
            for module in self._network.modules():
                if isinstance(module, BATCH_NORMS):
                    module.eval()
        order = torch.randperm(len(train), generator=self._order).numpy()
        batches = batches_of(order, settings.batch_size)
        shares = [share_of(self._processes, batch) for batch in batches]
        loader = DataLoader(
            train, batch_sampler=[own.tolist() for own, _ in shares], collate_fn=_as_it_is,
            pin_memory=self._place.type == "cuda",
        )  # fmt: skip
        sums = []
        for (inputs, targets), batch, (own, weight) in zip(loader, batches, shares, strict=True):
            found = self._step(
                inputs.to(self._place, non_blocking=True), targets.to(self._place, non_blocking=True), weight
            )
            sums.append(found * (weight * len(batch) / self._processes.size / len(own)))
            advance(len(batch))
        # Fetched at the end of the pass: no step waits for a number.
        total = self._processes.total(torch.stack(sums).cpu().double().sum(dim=0)) / len(train)
        loss, metric = total.tolist()
        return loss, metric

    def _step(self, inputs: Tensor, targets: Tensor, weight: float) -> Tensor:
        """Change the weights once, and return the sums of loss and metric over the batch from before."""

        def gradients(cuts: list[slice]) -> Tensor:
            self._optimiser.zero_grad(set_to_none=True)
            sums = torch.zeros(2, device=self._place)
            for cut in cuts:
                outputs, wanted, count = self._forward(inputs[cut]), targets[cut], cut.stop - cut.start
                loss = self._objective.loss(outputs, wanted)
                (loss * (weight * count / len(inputs))).backward()
                with torch.no_grad():
                    sums += torch.stack([loss.detach() * count, self._objective.metric(outputs, wanted)])
            return sums

        if self._processes.size > 1:  # processes exchange gradients once in a step, all of them or none
            sums = gradients([slice(0, len(inputs))])
        else:
            sums = self._portions.work(gradients, len(inputs))
        if self._settings.clip is not None:
            trained = [p for group in self._optimiser.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(trained, self._settings.clip)
        self._optimiser.step()
        self._schedule.step()
        if self._average is not None:
            self._average.update_parameters(self._network)
        return sums

    def _evaluate(self) -> tuple[float, float]:
        """Return mean loss and metric on validation, the same in all processes; each evaluates its share."""
        own = np.arange(self._processes.rank, len(self._valid), self._processes.size)
        sums = sums_over(self._evaluated, self._valid, own, self._objective)
        loss, metric = (self._processes.total(sums) / len(self._valid)).tolist()
        return loss, metric

    def capture(self, found: LoopResult) -> dict[str, Any]:
        return {
            **{name: part.state_dict() for name, part in self._parts().items()},
            "order": self._order.get_state(),
            "best": found.best,
            "best_network": found.state,
            "score": list(found.score),
            "history": [asdict(epoch) for epoch in found.history],
        }

    def restore(self, kept: dict[str, Any]) -> LoopResult:
        for name, part in self._parts().items():
            part.load_state_dict(kept[name])
        self._order.set_state(kept["order"])
        return kept_result(kept)

    def _parts(self) -> dict[str, Any]:
        average = {} if self._average is None else {"average": self._average}
        return {"network": self._network, "optimiser": self._optimiser, "schedule": self._schedule, **average}


def kept_result(kept: dict[str, Any]) -> LoopResult:
    """Return what training had led to when a state was kept."""
    metric, loss = kept["score"]
    history = [Epoch(**row) for row in kept["history"]]
    return LoopResult(kept["best"], kept["best_network"], (metric, loss), history)


def batches_of(order: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Cut an order into steps; a last single image joins the step before it, for batch norm needs two."""
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [np.concatenate(batches[-2:])]
    return batches


def _as_it_is(batch: Any) -> Any:
    return batch


def _constant(step: int) -> float:
    return 1.0


def _warm_up_and_cosine(steps: int, step: int) -> float:
    warm = max(1, round(_WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    return (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))) / 2


def _moving_average(
    average: tuple[Tensor, ...] | list[Tensor],
    current: tuple[Tensor, ...] | list[Tensor],
    count: Tensor | int,
) -> None:
    """Move averages towards weights: a mean of all at first, later of the most recent ones."""
    seen = int(count)
    keep = min(_AVERAGING, (1 + seen) / (10 + seen))
    for old, new in zip(average, current, strict=True):
        old.lerp_(new, 1 - keep)


def _copied(network: nn.Module) -> State:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}

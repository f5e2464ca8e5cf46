"""The loop that tunes a network which reads already: small steps, averaged, and never for the worse."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import AveragedModel

from handshape.config.finetune import FinetuneOptions
from handshape.inference.batch_retry import Portions
from handshape.models.backbone_classifier import BackboneClassifier
from handshape.progress import say, track
from handshape.training.checkpoint import Keeper
from handshape.training.distributed import Alone, ChosenInputs, World, share_of
from handshape.training.history import Epoch
from handshape.training.inputs import Inputs
from handshape.training.loop import batches_of, evaluate_network

# Share of the steps in which the learning rate rises.
_WARM_UP = 0.1
# Weight of what was averaged before, once that is long enough; then about the last fifty steps count.
_AVERAGING = 0.98
_LONGEST_GRADIENT = 1.0

ALONE = Alone()

State = dict[str, Tensor]
Weights = tuple[Tensor, ...] | list[Tensor]
Tuner = Callable[..., "Tuned"]
"""What takes the arguments of `tune`, but for its keeper and world, and tunes."""
Mix = tuple[float, Tensor] | None
"""The share of an image, and with which image of its batch each is mixed; `None` where none is."""


@dataclass(frozen=True)
class Rate:
    """Parameters that are tuned at one learning rate.

    Args:
        parameters: Of a block or of the head.
        peak: The highest rate they are tuned at.
    """

    parameters: Sequence[nn.Parameter]
    peak: float


@dataclass(frozen=True)
class Tuned:
    """What tuning led to.

    Args:
        best: Epoch that reads valid best, 0 for the start.
        state: State dict of the network then.
        valid: Accuracy on valid and minus the loss in nats, then.
        history: One row per epoch, that of the start first.
    """

    best: int
    state: State
    valid: tuple[float, float]
    history: list[Epoch]


def tune(
    network: BackboneClassifier,
    rates: Sequence[Rate],
    train: tuple[Callable[[int], Inputs], NDArray[np.int64]],
    valid: tuple[Inputs, NDArray[np.int64]],
    options: FinetuneOptions,
    *,
    start: tuple[float, float],
    batch_size: int,
    seed: int,
    weight_decay: float = 0.0,
    keeper: Keeper | None = None,
    world: World = ALONE,
) -> Tuned:
    """Tune a network with AdamW and keep the epoch that reads valid best; the start is one of them.

    Whatever is left to chance in an epoch depends on the seed and the number of the epoch only.

    Args:
        network: On the device where it is tuned; changed here.
        rates: What of it is tuned, and how fast; nothing else changes.
        train: Inputs of an epoch by its number, and their (N,) int64 classes.
        valid: Inputs of the valid side and their classes.
        options: Epochs, warm-up and the rest.
        start: Loss and accuracy of the network on the training photos as it comes.
        batch_size: Images in a step.
        seed: Fixes every random choice.
        weight_decay: Of AdamW.
        keeper: Keeps the state after every epoch; tuning goes on from what it holds.
        world: The processes that tune together; each calls this with the same arguments.

    Returns:
        The best epoch, judged by the moving average of the weights.

    Source: Loshchilov and Hutter, SGDR, ICLR 2017 (cosine) and Decoupled Weight Decay Regularization, ICLR
    2019; Zhang et al., mixup, ICLR 2018.
    """
    groups = [{"params": list(rate.parameters), "peak": rate.peak, "lr": 0.0} for rate in rates]
    optimiser = torch.optim.AdamW(groups, weight_decay=weight_decay)
    average = AveragedModel(network, multi_avg_fn=_towards)
    average.n_averaged.fill_(1)  # the start is the first that counts
    loop = _Loop(network, optimiser, average, train, options, batch_size, seed, world)
    kept = keeper.load() if keeper else None
    with torch.random.fork_rng(devices=[]):
        found = _restore(loop, kept) if kept else _begin(network, valid, start, world)
        with track("Tuning", options.tuning_epochs * len(train[1])) as advance:
            done = found.history[-1].epoch
            advance(done * len(train[1]))
            for number in range(done + 1, options.tuning_epochs + 1):
                if number - found.best > options.patience:
                    say(f"No better epoch since number {found.best}: tuning stops.")
                    break
                began = time.perf_counter()
                loss, accuracy = loop.one_epoch(number, advance)
                valid_loss, valid_accuracy = _judge(average.module, *valid, world)
                seconds = time.perf_counter() - began
                history = [*found.history, Epoch(number, loss, accuracy, valid_accuracy, seconds)]
                reached = valid_accuracy, -valid_loss
                if reached > found.valid:
                    found = Tuned(number, _copied(average.module), reached, history)
                else:
                    found = Tuned(found.best, found.state, found.valid, history)
                if keeper and world.rank == 0:
                    keeper.save(_capture(loop, found))
    return found


class _Loop:
    """One epoch after another over a network that changes."""

    def __init__(
        self,
        network: BackboneClassifier,
        optimiser: torch.optim.Optimizer,
        average: AveragedModel,
        train: tuple[Callable[[int], Inputs], NDArray[np.int64]],
        options: FinetuneOptions,
        batch_size: int,
        seed: int,
        world: World,
    ) -> None:
        self.network, self.optimiser, self.average, self._world = network, optimiser, average, world
        self._inputs, self._classes = train
        self._options, self._batch_size, self._seed = options, batch_size, seed
        self._place = next(network.head.parameters()).device
        self._mixed = _mixed_precision(options, self._place)
        self._read = world.join(_Reading(network, self._mixed))
        self._portions = Portions(network)
        fine = self._place.type == "cuda" and self._mixed is torch.float16
        self.scaler = torch.amp.GradScaler(self._place.type, enabled=fine)

    def one_epoch(self, number: int, advance: Callable[[int], None]) -> tuple[float, float]:
        """Pass over the training images once and return the mean loss, and the share read right before."""
        torch.manual_seed(self._seed * 1_000_003 + number)  # for dropout
        chance = np.random.default_rng([self._seed, number])
        inputs = self._inputs(number)
        _set_training(self.network, self._options.batch_norm)
        batches = batches_of(chance.permutation(len(self._classes)), self._batch_size)
        steps = len(batches) * self._options.tuning_epochs
        loss_sum, right = 0.0, 0.0
        for place, batch in enumerate(batches):
            _set_rates(self.optimiser, (number - 1) * len(batches) + place, steps)
            own, weight = share_of(self._world, batch)
            images = inputs.take(own).to(self._place)
            targets = torch.from_numpy(self._classes[own]).to(self._place)
            mix = _draw_mix(self._options.mixup, len(own), chance)
            loss, hits = self._gradients(images, targets, mix, weight)
            self._step()
            counted = weight * len(batch) / self._world.size / len(own)
            loss_sum += loss * counted
            right += hits * counted
            advance(len(batch))
        sums = self._world.total(torch.tensor([loss_sum, right], dtype=torch.float64)).tolist()
        return sums[0] / len(self._classes), sums[1] / len(self._classes)

    def _gradients(self, images: Tensor, targets: Tensor, mix: Mix, weight: float) -> tuple[float, int]:
        """Gather the gradients of a step; return the sum of its losses and how many were read right."""

        def gather(cuts: list[slice]) -> tuple[float, int]:
            self.optimiser.zero_grad(set_to_none=True)
            loss_sum, right = 0.0, 0
            for cut in cuts:
                loss, logits = self._loss(images, targets, mix, cut)
                count = cut.stop - cut.start
                self.scaler.scale(loss * (weight * count / len(images))).backward()
                loss_sum += float(loss.detach()) * count
                right += int((logits.detach().argmax(dim=1) == targets[cut]).sum())
            return loss_sum, right

        if self._world.size > 1:  # processes exchange gradients once in a step, all of them or none
            return gather([slice(0, len(images))])
        return self._portions.work(gather, len(images))

    def _loss(self, images: Tensor, targets: Tensor, mix: Mix, cut: slice) -> tuple[Tensor, Tensor]:
        smoothing = self._options.label_smoothing
        if mix is None:
            logits = self._read(images[cut])
            return F.cross_entropy(logits, targets[cut], label_smoothing=smoothing), logits
        share, order = mix
        other = order[cut].to(self._place)
        logits = self._read(share * images[cut] + (1 - share) * images[other])
        own, others = (
            F.cross_entropy(logits, wanted, label_smoothing=smoothing)
            for wanted in (targets[cut], targets[other])
        )
        return share * own + (1 - share) * others, logits

    def _step(self) -> None:
        self.scaler.unscale_(self.optimiser)
        tuned = [parameter for group in self.optimiser.param_groups for parameter in group["params"]]
        torch.nn.utils.clip_grad_norm_(tuned, _LONGEST_GRADIENT)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.average.update_parameters(self.network)


def _draw_mix(mixup: float, count: int, chance: np.random.Generator) -> Mix:
    """Draw with which other image of a batch each is mixed, and the share of its own."""
    if not mixup:
        return None
    share = float(chance.beta(mixup, mixup))
    # The first of a pair counts for more, and is what is read right or not.
    return max(share, 1 - share), torch.from_numpy(chance.permutation(count))


class _Reading(nn.Module):
    """The backbone in mixed precision, pooling and head in float32 as they are used."""

    def __init__(self, network: BackboneClassifier, mixed: torch.dtype | None) -> None:
        super().__init__()
        self.network, self._mixed = network, mixed

    def forward(self, images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, self._mixed, enabled=self._mixed is not None):
            features = self.network.backbone(images)
        logits: Tensor = self.network.head(self.network.pool(features.float()))
        return logits


def _judge(
    network: nn.Module, inputs: Inputs, classes: NDArray[np.int64], world: World
) -> tuple[float, float]:
    """Return mean loss and accuracy, the same in all processes; each reads its share."""
    own = np.arange(world.rank, len(classes), world.size)
    sums = torch.zeros(2, dtype=torch.float64)
    if len(own):
        found = evaluate_network(network, ChosenInputs(inputs, own), classes[own])
        sums = torch.tensor(found, dtype=torch.float64) * (len(own) / len(classes))
    loss, accuracy = world.total(sums).tolist()
    return loss, accuracy


def _begin(
    network: nn.Module, valid: tuple[Inputs, NDArray[np.int64]], start: tuple[float, float], world: World
) -> Tuned:
    began = time.perf_counter()
    loss, accuracy = _judge(network, *valid, world)
    row = Epoch(0, *start, accuracy, time.perf_counter() - began)
    return Tuned(0, _copied(network), (accuracy, -loss), [row])


def _capture(loop: _Loop, found: Tuned) -> dict[str, object]:
    return {
        "network": loop.network.state_dict(),
        "average": loop.average.state_dict(),
        "optimiser": loop.optimiser.state_dict(),
        "scaler": loop.scaler.state_dict(),
        "best": found.best,
        "best_network": found.state,
        "valid": list(found.valid),
        "history": [asdict(epoch) for epoch in found.history],
    }


def _restore(loop: _Loop, kept: dict[str, object]) -> Tuned:
    loop.network.load_state_dict(kept["network"])  # type: ignore[arg-type]
    loop.average.load_state_dict(kept["average"])  # type: ignore[arg-type]
    loop.optimiser.load_state_dict(kept["optimiser"])  # type: ignore[arg-type]
    loop.scaler.load_state_dict(kept["scaler"])  # type: ignore[arg-type]
    return restored(kept)


def restored(kept: dict[str, object]) -> Tuned:
    """Return what tuning had led to when a state was kept."""
    history = [Epoch(**row) for row in kept["history"]]  # type: ignore[attr-defined]
    accuracy, loss = kept["valid"]  # type: ignore[misc]
    return Tuned(kept["best"], kept["best_network"], (accuracy, loss), history)  # type: ignore[arg-type, has-type]


def _set_training(network: nn.Module, batch_norm: str) -> None:
    network.train()
    if batch_norm == "frozen":
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                module.eval()


def _set_rates(optimiser: torch.optim.Optimizer, step: int, steps: int) -> None:
    """Let the rates rise along a line and fall along a cosine."""
    warm = max(1, round(_WARM_UP * steps))
    if step < warm:
        factor = (step + 1) / warm
    else:
        factor = (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))) / 2
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * factor


def _towards(average: Weights, current: Weights, count: Tensor | int) -> None:
    """Move averages towards weights: a mean of all at first, later of the most recent ones."""
    seen = int(count)
    keep = min(_AVERAGING, (1 + seen) / (10 + seen))
    torch._foreach_lerp_(average, current, 1 - keep)


def _mixed_precision(options: FinetuneOptions, place: torch.device) -> torch.dtype | None:
    """Return the type that is computed in beside float32, or ``None``."""
    if options.tuning_precision == "full" or (options.tuning_precision == "auto" and place.type != "cuda"):
        return None
    if place.type == "cuda" and not torch.cuda.is_bf16_supported():
        return torch.float16
    return torch.bfloat16


def _copied(network: nn.Module) -> State:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}

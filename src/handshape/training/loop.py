"""The one training loop, for the CNN on images and for an MLP on features."""

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from handshape.config.train import LoopOptions
from handshape.inference.batch_retry import ON_A_CORE, Portions
from handshape.progress import track
from handshape.training.checkpoint import Keeper, capture, restore
from handshape.training.history import Epoch
from handshape.training.inputs import FeatureInputs, Inputs

# Images read at once in evaluation: what more of them need goes through memory rather than the caches. Rows
# of features need no more than themselves.
_EVALUATION_BATCH, _EVALUATION_ROWS = 32, 512

Step = Callable[[Tensor, Tensor], Tensor]
"""Moves the weights once for (B, ...) float32 inputs and their (B,) int64 classes; returns the (B, K) logits
from before."""


@dataclass(frozen=True, kw_only=True)
class LoopConfig(LoopOptions):
    """How to train; the defaults are the lesson's.

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


def train_network(
    make: Callable[[], nn.Module],
    train: tuple[Inputs, NDArray[np.int64]],
    valid: tuple[Inputs, NDArray[np.int64]],
    config: LoopConfig,
    *,
    device: torch.device | None = None,
    what: str = "Training",
    keeper: Keeper | None = None,
    learn: Callable[[nn.Module, LoopConfig], Step] | None = None,
) -> tuple[nn.Module, list[Epoch]]:
    """Train a network with Adam and cross-entropy and keep the epoch that reads valid best.

    Args:
        make: Makes the network; called after seeding.
        train: Inputs and their (N,) int64 classes.
        valid: The same of the valid side.
        config: Epochs, batch size, rates and seed.
        device: Where to train; ``None`` for the CPU.
        what: Name shown with the progress.
        keeper: Keeps the state after every epoch; training goes on from what it holds.
        learn: Makes the step of a network that has its own; such training is not kept.

    Returns:
        The network of the best epoch (of equals, the one with the least valid loss), in evaluation mode and
        on the CPU, and the history.
    """
    place = device or torch.device("cpu")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = make().to(place)
        order = torch.Generator().manual_seed(config.seed)
        optimiser: torch.optim.Optimizer | None = None
        if learn:
            # No optimiser beside it: torch imports its whole compiler to make one.
            step = learn(network, config)
        else:
            optimiser = torch.optim.Adam(
                network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
            )
            step = partial(_step, network, optimiser, Portions(network))
        history: list[Epoch] = []
        best, best_state = (-1.0, float("inf")), copy.deepcopy(network.state_dict())
        kept = keeper.load() if keeper else None
        if kept is not None and optimiser is not None:
            restore(kept, network, optimiser, order)
            history = [Epoch(**row) for row in kept["history"]]
            best, best_state = tuple(kept["best"]), kept["best_network"]
        with track(what, (config.epochs - len(history)) * len(train[1])) as advance:
            for number in range(len(history) + 1, config.epochs + 1):
                start = time.perf_counter()
                loss, accuracy = _one_pass(network, train, step, order, config.batch_size, advance)
                valid_loss, valid_accuracy = evaluate_network(network, *valid)
                history.append(Epoch(number, loss, accuracy, valid_accuracy, time.perf_counter() - start))
                if (valid_accuracy, -valid_loss) > (best[0], -best[1]):
                    best, best_state = (valid_accuracy, valid_loss), copy.deepcopy(network.state_dict())
                if keeper and optimiser is not None:
                    rows = [asdict(epoch) for epoch in history]
                    kept = {"history": rows, "best": list(best), "best_network": best_state}
                    keeper.save({**capture(network, optimiser, order), **kept})
    network.load_state_dict(best_state)
    return network.eval().cpu(), history


def _one_pass(
    network: nn.Module,
    train: tuple[Inputs, NDArray[np.int64]],
    step: Step,
    order: torch.Generator,
    batch_size: int,
    advance: Callable[[int], None],
) -> tuple[float, float]:
    inputs, classes = train
    place = next(network.parameters()).device
    targets = torch.from_numpy(classes).to(place)
    network.train()
    shuffled = torch.randperm(len(classes), generator=order)
    wanted, parts = targets[shuffled.to(place)], list[Tensor]()
    # What came out is judged at the end of the pass: no step waits for a number.
    batches = batches_of(shuffled.numpy(), batch_size)
    for batch, own in zip(batches, torch.split(wanted, [len(one) for one in batches]), strict=True):
        parts.append(step(inputs.take(batch).to(place), own))
        advance(len(batch))
    return _judged(torch.cat(parts), wanted)


def _judged(logits: Tensor, classes: Tensor) -> tuple[float, float]:
    """Return mean cross-entropy in nats and accuracy of (N, K) logits for (N,) int64 classes."""
    return float(F.cross_entropy(logits, classes)), float((logits.argmax(dim=1) == classes).float().mean())


def _step(
    network: nn.Module, optimiser: torch.optim.Optimizer, portions: Portions, inputs: Tensor, classes: Tensor
) -> Tensor:
    found = portions.work(partial(_gradients, network, optimiser, inputs, classes), len(classes))
    optimiser.step()
    return found


def _gradients(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    inputs: Tensor,
    classes: Tensor,
    cuts: list[slice],
) -> Tensor:
    """Gather the gradients of a step over portions of its batch, and return the logits."""
    optimiser.zero_grad(set_to_none=True)
    rows = []
    for cut in cuts:
        logits = network(inputs[cut])
        loss, share = F.cross_entropy(logits, classes[cut]), len(logits) / len(classes)
        loss.backward(torch.full_like(loss, share))  # type: ignore[no-untyped-call]
        rows.append(logits.detach())
    return torch.cat(rows)


def batches_of(order: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Cut an order into steps; a last single image joins the step before it, for batch norm needs two."""
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [np.concatenate(batches[-2:])]
    return batches


def evaluate_network(network: nn.Module, inputs: Inputs, classes: NDArray[np.int64]) -> tuple[float, float]:
    """Return mean cross-entropy in nats and accuracy.

    Args:
        network: Put in evaluation mode here.
        inputs: What it reads.
        classes: (N,) int64.
    """
    return _judged(predict_logits(network, inputs), torch.from_numpy(classes))


def predict_logits(network: nn.Module, inputs: Inputs) -> Tensor:
    """Run a network over all its inputs without gradients.

    Args:
        network: Put in evaluation mode here.
        inputs: What it reads.

    Returns:
        (N, K) float32 logits on the CPU.
    """
    place = next(network.parameters()).device
    network.eval()
    order, rows = np.arange(len(inputs)), isinstance(inputs, FeatureInputs)
    size = _EVALUATION_ROWS if rows else _EVALUATION_BATCH
    portions = Portions(most=None if rows or place.type != "cpu" else ON_A_CORE)
    with torch.inference_mode():
        parts = []
        for start in range(0, len(order), size):
            images = inputs.take(order[start : start + size]).to(place)
            parts.append(portions.work(partial(_read, network, images), len(images)))
    return torch.cat(parts).clone()


def _read(network: nn.Module, images: Tensor, cuts: list[slice]) -> Tensor:
    return torch.cat([network(images[cut]) for cut in cuts]).cpu()


def probabilities_of(logits: Tensor, temperature: float = 1.0) -> NDArray[np.float32]:
    """Turn logits into probabilities.

    Args:
        logits: (N, K) float32.
        temperature: Logits are divided by it first; above 1 makes the answers less sure.

    Returns:
        (N, K) float32; rows sum to 1.
    """
    result: NDArray[np.float32] = torch.softmax(logits / temperature, dim=1).cpu().numpy()
    return result

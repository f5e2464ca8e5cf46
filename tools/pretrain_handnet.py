"""Pretrain handnet on drawn hands: draw, train, write the weights.

    python tools/pretrain_handnet.py --work handnet-work

The same command goes on where it stopped.
No photo is used, for training or for choosing anything: the network learns from hands that
`handshape.synthetic` draws, and is judged on drawn signers that it has not seen. Batches, augmentation and
learning rate depend on the seed and the number of the step only, so a run that was killed and started again
ends with the same weights as one that was not (same machine, same number of threads).
"""

import argparse
import csv
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from handshape.models.backbones.bundled_weights import file_digest
from handshape.models.backbones.handnet import HANDNET_PREPROCESSING, HANDNET_WIDTH, HandNet
from handshape.synthetic import ALPHABET, JOINTS, LIMITS, Signer, draw_image, make_signer
from handshape.synthetic.scene import Style

SIDE = 112  # what the layers see, pixels: handnet halves its 224
DRAWN = 128  # drawn a little larger, because augmentation turns and zooms
PART = 250  # drawings in one file
SIGNERS = 240
HELD_OUT = 24  # the last signers are those of the validation drawings
DRAWING_SEED = 20261  # no data set that a user draws has it by default
GRID = 4  # places along each axis that the heads see: the default --pool


@dataclass(frozen=True)
class Settings:
    """What fixes the result.

    Args:
        images: Training drawings.
        valid: Validation drawings.
        epochs: Passes over the training drawings.
        batch: Drawings in one step.
        rate: Highest learning rate.
        decay: Weight decay of AdamW.
        seed: Fixes first weights, order and augmentation.
    """

    images: int = 24_000
    valid: int = 2_000
    epochs: int = 4
    batch: int = 64
    rate: float = 2e-3
    decay: float = 0.02
    seed: int = 0


@dataclass(frozen=True)
class Drawings:
    """N drawings and what is known about them.

    Args:
        pixels: (N, H, W, 3) uint8.
        masks: (N, H, W / 8) uint8, eight pixels a byte: the visible hand.
        letters: (N,) int64, position in the alphabet; -1 for a pose that is no letter.
        keypoints: (N, 21, 2) float32, x and y from -1 to 1 across the picture.
        angles: (N, J) float32, joint angles as fractions of their limits, -1 to 1.
    """

    pixels: Tensor
    masks: Tensor
    letters: Tensor
    keypoints: Tensor
    angles: Tensor

    def __len__(self) -> int:
        return len(self.pixels)


def draw_part(path: Path, first: int, count: int, held_out: bool) -> None:
    """Draw some pictures into one file, complete or not there at all.

    Args:
        path: The file to write.
        first: Number of the first picture; a picture depends on its number only.
        count: Number of pictures.
        held_out: Whether to draw the signers that are kept for validation.
    """
    rows = [_draw(number, held_out) for number in range(first, first + count)]
    columns = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        np.savez(file, **columns)  # type: ignore[arg-type]
    partial.replace(path)


def _draw(number: int, held_out: bool) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng([DRAWING_SEED, held_out, number])
    known = SIGNERS - HELD_OUT
    signer = int(rng.integers(known, SIGNERS) if held_out else rng.integers(known)) + 1
    letter = int(rng.integers(len(ALPHABET))) if held_out or rng.random() < 0.7 else -1
    style: Style = "studio" if rng.random() < 0.5 else "room"
    subject = ALPHABET[letter] if letter >= 0 else None
    drawn = draw_image(subject, _signer(signer), seed=DRAWING_SEED, index=number, size=DRAWN, style=style)
    low, high = np.array([LIMITS[name] for name in JOINTS]).T
    return {
        "pixels": drawn.pixels,
        "masks": np.packbits(drawn.mask, axis=-1),
        "letters": np.array(letter),
        "keypoints": (drawn.truth.keypoints * 2 / DRAWN - 1).astype(np.float32),
        "angles": ((drawn.truth.pose - low) / (high - low) * 2 - 1).astype(np.float32),
    }


@cache
def _signer(number: int) -> Signer:
    return make_signer(number, seed=DRAWING_SEED)


def draw_all(folder: Path, train: int, valid: int, workers: int) -> None:
    """Draw whatever is not there yet.

    Args:
        folder: Where the parts lie.
        train: Training drawings.
        valid: Validation drawings.
        workers: Processes; 1 draws in this one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [
        (path, first, count, held_out)
        for held_out, total in ((True, valid), (False, train))
        for path, first, count in _parts(folder, total, held_out)
        if not path.exists()
    ]
    if workers <= 1:
        for job in jobs:
            draw_part(*job)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done, _ in enumerate(pool.map(draw_part, *zip(*jobs, strict=True)) if jobs else (), start=1):
            print(f"drawn {done} of {len(jobs)} parts", flush=True)


def _parts(folder: Path, total: int, held_out: bool) -> Iterator[tuple[Path, int, int]]:
    kind = "valid" if held_out else "train"
    for first in range(0, total, PART):
        count = min(PART, total - first)
        yield folder / f"{kind}-{first:06d}-{count}.npz", first, count


def read_drawings(folder: Path, total: int, held_out: bool) -> Drawings:
    """Read drawings into memory.

    Args:
        folder: Where `draw_all` put them.
        total: How many.
        held_out: Those of the validation signers, or those for training.
    """
    columns: dict[str, list[NDArray[Any]]] = {field.name: [] for field in fields(Drawings)}
    for path, _, _ in _parts(folder, total, held_out):
        with np.load(path, allow_pickle=False) as part:
            for name, arrays in columns.items():
                arrays.append(part[name])
    return Drawings(**{name: torch.from_numpy(np.concatenate(arrays)) for name, arrays in columns.items()})


def augment(drawings: Drawings, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """Change drawings by chance: background, place, colour, focus, noise, a hidden corner.

    Args:
        drawings: N drawings.
        chosen: (B,) int64, which ones.

    Returns:
        (B, 3, 112, 112) float32 in [0, 1], and (B, 21, 2) float32, where the keypoints are now.
    """
    images = drawings.pixels[chosen].permute(0, 3, 1, 2).float() / 255
    images = _other_background(images, drawings.masks[chosen])
    images, keypoints = _moved(images, drawings.keypoints[chosen])
    return _erased(_photographed(_recoloured(images))).clamp(0, 1), keypoints


def _chance(count: int, share: float) -> Tensor:
    return torch.rand(count, 1, 1, 1) < share


def _around_one(count: int, channels: int, spread: float) -> Tensor:
    return torch.exp(spread * torch.randn(count, channels, 1, 1))


def _other_background(images: Tensor, masks: Tensor) -> Tensor:
    """Cut some hands out and lay them on black, grey or a colour, as studio photos are."""
    bits = (masks[..., None] >> torch.arange(7, -1, -1, dtype=torch.uint8)) & 1
    hand = bits.flatten(2)[:, None].bool()
    count = len(images)
    grey = torch.rand(count, 1, 1, 1).expand(-1, 3, -1, -1)
    plain = torch.where(_chance(count, 0.5), grey, torch.rand(count, 3, 1, 1)) * ~_chance(count, 0.5)
    return torch.where(hand | ~_chance(count, 0.35), images, plain)


def _moved(images: Tensor, keypoints: Tensor) -> tuple[Tensor, Tensor]:
    """Turn, zoom, stretch, shift and mirror."""
    count = len(images)
    angle = 0.2 * torch.randn(count)
    zoom = torch.empty(count).uniform_(0.85, 1.35)
    stretch = torch.exp(torch.empty(count).uniform_(-0.2, 0.2))
    mirror = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    rows = [mirror * cos * stretch, -sin / stretch, mirror * sin * stretch, cos / stretch]
    turn = torch.stack(rows, dim=1).view(count, 2, 2)  # from a place in the result to one in the drawing
    shift = torch.empty(count, 2, 1).uniform_(-0.15, 0.15)
    grid = F.affine_grid(torch.cat([turn, shift], 2), [count, 3, SIDE, SIDE], align_corners=False)
    moved = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    places = torch.linalg.solve(turn, keypoints.transpose(1, 2) - shift)
    return moved, places.transpose(1, 2)


def _recoloured(images: Tensor) -> Tensor:
    """Change exposure, colour of the light, contrast and saturation; some pictures lose their colour."""
    count = len(images)
    images = images * _around_one(count, 1, 0.25) * _around_one(count, 3, 0.12)
    images = images.clamp(1e-3, 1) ** _around_one(count, 1, 0.3)
    grey = images.mean(1, keepdim=True)
    saturation = torch.empty(count, 1, 1, 1).uniform_(0.3, 1.5) * ~_chance(count, 0.15)
    return grey + saturation * (images - grey)


def _photographed(images: Tensor) -> Tensor:
    """Blur some, sharpen others, add noise."""
    count = len(images)
    soft = F.avg_pool2d(images, 3, stride=1, padding=1, count_include_pad=False)
    softer = F.avg_pool2d(soft, 3, stride=1, padding=1, count_include_pad=False)
    sharpness = torch.empty(count, 1, 1, 1).uniform_(-1.0, 1.0)
    images = softer + (1 + sharpness) * (images - softer)
    return images + torch.empty(count, 1, 1, 1).uniform_(0, 0.05) * torch.randn_like(images)


def _erased(images: Tensor) -> Tensor:
    """Lay a plain rectangle over some pictures."""
    count = len(images)
    corner, side = torch.rand(count, 2) * SIDE, (0.1 + 0.25 * torch.rand(count, 2)) * SIDE
    place = torch.arange(SIDE)
    inside = ((place >= corner[..., None]) & (place < (corner + side)[..., None])).float()
    hidden = (inside[:, :1, :, None] * inside[:, 1:, None, :]).bool() & _chance(count, 0.3)
    return torch.where(hidden, torch.rand(count, 3, 1, 1), images)


class Pupil(nn.Module):
    """handnet with linear heads that say what is drawn: letter, keypoints and joint angles."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = HandNet(normalised=True)
        self.dropout = nn.Dropout(0.1)
        self.sizes = [len(ALPHABET), 21 * 2, len(JOINTS)]
        self.head = nn.Linear(HANDNET_WIDTH * GRID * GRID, sum(self.sizes))

    def forward(self, images: Tensor) -> Sequence[Tensor]:
        """Return (B, 26) logits, (B, 42) keypoints and (B, J) angles of (B, 3, 112, 112) images in [0, 1]."""
        mean, std = (
            torch.tensor(value).view(3, 1, 1)
            for value in (HANDNET_PREPROCESSING.mean, HANDNET_PREPROCESSING.std)
        )
        normalised = ((images - mean) / std).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):  # up to three times as fast where the processor has it
            features = F.adaptive_avg_pool2d(self.backbone.layers(normalised), GRID)
            told: Tensor = self.head(self.dropout(features.flatten(1)))
        return torch.split(told.float(), self.sizes, dim=1)


def judge(told: Sequence[Tensor], letters: Tensor, keypoints: Tensor, angles: Tensor) -> Tensor:
    """Return the loss: a sum of one part per head, of about the same size.

    Args:
        told: What `Pupil` says.
        letters: (B,) int64, -1 where there is none.
        keypoints: (B, 21, 2) float32.
        angles: (B, J) float32.
    """
    named = letters >= 0
    of_letters = F.cross_entropy(told[0][named], letters[named], label_smoothing=0.1, reduction="sum")
    of_places = F.l1_loss(told[1], keypoints.flatten(1))
    return of_letters / max(int(named.sum()), 1) + 4 * of_places + 2 * F.l1_loss(told[2], angles)


def fold(network: HandNet) -> HandNet:
    """Return the same network with batch norm folded into its convolutions.

    Args:
        network: A normalised one, in evaluation mode.

    Returns:
        One without normalisation that gives the same features but for rounding.
    """
    folded = HandNet()
    for plain, layer in zip(folded.layers, network.layers, strict=True):
        fused = fuse_conv_bn_eval(layer.conv, layer.norm)  # type: ignore[arg-type, type-var]
        plain.conv.load_state_dict(fused.state_dict())  # type: ignore[union-attr]
    return folded.eval()


def train(
    work: Path, drawings: Drawings, valid: Drawings, settings: Settings, log: Path, every: int = 100
) -> HandNet:
    """Train to the end, from the last checkpoint if there is one.

    Args:
        work: Folder of the checkpoint.
        drawings: To learn from.
        valid: To judge by, once an epoch.
        settings: What fixes the result.
        log: Table to write, one row an epoch.
        every: Steps between checkpoints.

    Returns:
        The network, batch norm folded in.
    """
    torch.manual_seed(settings.seed)
    pupil = Pupil().to(memory_format=torch.channels_last)
    steps = settings.epochs * (len(drawings) // settings.batch)
    optimiser = torch.optim.AdamW(pupil.parameters(), weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, steps, pct_start=0.15)
    parts = {"pupil": pupil, "optimiser": optimiser, "schedule": schedule}
    state = _resume(work / "checkpoint.pt", settings, parts)
    for step in range(state["step"], steps):
        start = time.monotonic()
        state["loss"] += _step(pupil, optimiser, drawings, settings, step)
        schedule.step()
        state["step"] = step + 1
        state["seconds"] += time.monotonic() - start
        if (step + 1) % (steps // settings.epochs) == 0:
            _end_epoch(pupil, valid, state, steps // settings.epochs, log)
        if (step + 1) % every == 0 or step + 1 == steps:
            _save(work / "checkpoint.pt", settings, parts, state)
            print(f"step {step + 1} of {steps}, {state['seconds']:.0f} s", flush=True)
    return fold(pupil.backbone.eval())


def _step(
    pupil: Pupil, optimiser: torch.optim.Optimizer, drawings: Drawings, settings: Settings, step: int
) -> float:
    """Learn from one batch; all chance in it comes from the seed and the number of the step."""
    epoch, place = divmod(step, len(drawings) // settings.batch)
    torch.manual_seed(hash((settings.seed, epoch)) % 2**31)
    order = torch.randperm(len(drawings))
    chosen = order[place * settings.batch : (place + 1) * settings.batch]
    torch.manual_seed(hash((settings.seed, epoch, place)) % 2**31)
    images, keypoints = augment(drawings, chosen)
    loss = judge(pupil.train()(images), drawings.letters[chosen], keypoints, drawings.angles[chosen])
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(pupil.parameters(), 5.0)
    optimiser.step()
    return float(loss.detach())


def _end_epoch(pupil: Pupil, valid: Drawings, state: dict[str, Any], steps: int, log: Path) -> None:
    row = {"epoch": len(state["rows"]) + 1, "loss": round(state["loss"] / steps, 4)}
    row |= validate(pupil, valid) | {"seconds": round(state["seconds"])}
    state["rows"].append(row)
    state["loss"] = 0.0
    print(row, flush=True)
    with log.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(row), lineterminator="\n")
        table.writeheader()
        table.writerows(state["rows"])


@torch.inference_mode()
def validate(pupil: Pupil, valid: Drawings) -> dict[str, float]:
    """Return the share of letters named rightly and the mean errors of keypoints and angles.

    Args:
        pupil: The network.
        valid: Drawings of signers it does not learn from.

    Returns:
        ``accuracy`` as a fraction, ``keypoints`` as a fraction of the picture's side, ``degrees``.
    """
    pupil.eval()
    sums = torch.zeros(3)
    span = torch.tensor([LIMITS[name][1] - LIMITS[name][0] for name in JOINTS]) / 2
    for first in range(0, len(valid), 100):
        chosen = torch.arange(first, min(first + 100, len(valid)))
        pixels = valid.pixels[chosen].permute(0, 3, 1, 2).float() / 255
        images = F.interpolate(pixels, (SIDE, SIDE), mode="bilinear", antialias=True)
        letters, places, angles = pupil(images)
        apart = (places.view(-1, 21, 2) - valid.keypoints[chosen]).norm(dim=2) / 2
        wrong = ((angles - valid.angles[chosen]).abs() * span).mean(1)
        right = letters.argmax(1) == valid.letters[chosen]
        sums += torch.stack([right.float().sum(), apart.mean(1).sum(), wrong.sum()])
    accuracy, keypoints, degrees = (round(float(value), 4) for value in sums / len(valid))
    return {"accuracy": accuracy, "keypoints": keypoints, "degrees": degrees}


def _resume(path: Path, settings: Settings, parts: Mapping[str, Any]) -> dict[str, Any]:
    """Fill network, optimiser and schedule from a checkpoint, and return how far it had come."""
    if not path.exists():
        return {"step": 0, "loss": 0.0, "seconds": 0.0, "rows": []}
    saved = torch.load(path, weights_only=True)
    if saved["settings"] != asdict(settings):
        raise SystemExit(f"{path} was made with {saved['settings']}: give those, or another --work")
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    state: dict[str, Any] = saved["state"]
    return state


def _save(path: Path, settings: Settings, parts: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    saved = {name: part.state_dict() for name, part in parts.items()}
    partial = path.with_suffix(".partial")
    torch.save({"settings": asdict(settings), "state": state, **saved}, partial)
    partial.replace(path)


def write_weights(network: HandNet, path: Path) -> str:
    """Write a network's weights as float16 and return the file's digest.

    Args:
        network: With batch norm folded in.
        path: The safetensors file.
    """
    halves = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    save_file(halves, path)
    return file_digest(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw, train, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder of drawings and checkpoint")
    parser.add_argument("--out", type=Path, help="weights to write (default: in --work)")
    parser.add_argument("--log", type=Path, help="table of the epochs to write (default: in --work)")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw")
    parser.add_argument("--threads", type=int, default=1, help="threads that train")
    for field in fields(Settings):
        kind: Callable[[str], Any] = type(field.default)
        parser.add_argument(f"--{field.name}", type=kind, default=field.default)
    given = parser.parse_args(arguments)
    settings = Settings(**{field.name: getattr(given, field.name) for field in fields(Settings)})
    torch.set_num_threads(given.threads)
    draw_all(given.work / "drawings", settings.images, settings.valid, given.workers)
    drawings = read_drawings(given.work / "drawings", settings.images, held_out=False)
    valid = read_drawings(given.work / "drawings", settings.valid, held_out=True)
    network = train(given.work, drawings, valid, settings, given.log or given.work / "log.csv")
    out = given.out or given.work / "handnet.safetensors"
    print(f"{out}: put this digest into handshape/models/backbones/handnet.py: {write_weights(network, out)}")


if __name__ == "__main__":
    main()

"""Decoding, extraction and fine-tuning on a CUDA device against this machine's CPU and the device's limits.

Run ``python -m benchmarks.gpu``; on any GPU of the last years it takes less than eight minutes. Photos are
drawn and weights untrained, which changes no time. Without a CUDA device it says so and ends.
"""

import argparse
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.measure import heading, operations, time_of
from handshape.commands.train import train
from handshape.config.train import Precision, TrainConfig
from handshape.data.augment import Views
from handshape.data.images.decode import decode_image
from handshape.data.images.prepared import InMemoryImages
from handshape.data.images.workers import in_order, workers
from handshape.features.extract import Extractor, features_now
from handshape.models.backbones.registry import load_backbone
from handshape.synthetic.dataset import draw_dataset

_CPU = torch.device("cpu")
_BACKBONES = ("alexnet", "squeezenet1_0", "resnet18", "resnet50")
_TYPES = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_SIZE = 224
_PHOTO_BYTES = _SIZE * _SIZE * 3


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="a CUDA device against the CPU and its own limits")
    parser.add_argument("--device", default="cuda", help="cpu to try the script where there is no GPU")
    parser.add_argument("--images", type=int, default=8192, help="images of one extraction on the device")
    asked = parser.parse_args()
    if asked.device == "cuda" and not torch.cuda.is_available():
        print("No CUDA device: nothing to measure.")
        return
    device = torch.device(asked.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "no device: a trial run"
    print(f"{name}; {heading()}\n")
    torch.manual_seed(0)
    rates, link = _limits(device)
    decoded = _decoding()
    with tempfile.TemporaryDirectory() as folder:
        _extraction(device, asked.images, rates, min(link, decoded), Path(folder))
        _fine_tuning(device, asked.images, Path(folder))


def _best(work: Callable[[], object], device: torch.device, runs: int = 5) -> float:
    """Return the seconds of the fastest of several runs, after one that does not count."""

    def finished() -> None:
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    finished()
    return min(time_of(finished) for _ in range(runs))


def _limits(device: torch.device) -> tuple[dict[str, float], float]:
    """Print and return operations a second by precision, and prepared images a second over the link."""
    side = 8192 if device.type == "cuda" else 512
    rates = {}
    for name, kind in _TYPES.items():
        torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
        a, b = (torch.rand(side, side, device=device).to(kind) for _ in range(2))
        rates[name] = 2 * side**3 / _best(lambda a=a, b=b: torch.mm(a, b), device)  # type: ignore[misc]
    torch.backends.cuda.matmul.allow_tf32 = False
    there = torch.empty(side, side, 4, dtype=torch.uint8, device=device)
    other = torch.empty_like(there)
    memory = 2 * there.numel() / _best(lambda: other.copy_(there), device)
    pinned = torch.empty(there.shape, dtype=torch.uint8, pin_memory=device.type == "cuda")
    link = there.numel() / _best(lambda: there.copy_(pinned, non_blocking=True), device)
    print(
        "Matrix products: " + ", ".join(f"{name} {rate / 1e12:.1f}" for name, rate in rates.items()), end=""
    )
    print(f" TFLOP/s. Memory: {memory / 1e9:.0f} GB/s. Link: {link / 1e9:.1f} GB/s.\n", flush=True)
    return rates, link / _PHOTO_BYTES


def _decoding() -> float:
    """Print and return how many photos a second the CPU decodes and prepares."""
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8))
    file = io.BytesIO()
    photo.resize((640, 480)).save(file, "JPEG", quality=90)
    prepare, data = load_backbone("handnet", None).preprocessing.prepare, file.getvalue()

    def all_of_them() -> None:
        with workers() as pool:
            for _ in in_order(pool, lambda one: prepare(decode_image(one)[0]), [data] * 1024):
                pass

    rate = 1024 / _best(all_of_them, _CPU, 3)
    print(f"Decoding 640 x 480 JPEG and preparing, on the CPU: {rate:,.0f} photos/s.\n", flush=True)
    return rate


def _extraction(device: torch.device, count: int, rates: dict[str, float], feed: float, place: Path) -> None:
    print("| extraction | images/s | of the CPU's | of the matrix limit | of what is decoded and copied |")
    print("|---|---|---|---|---|")
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count, _SIZE, _SIZE, 3), dtype=np.uint8)
    images, few = InMemoryImages(pixels), InMemoryImages(pixels[:128])

    def rate(where: torch.device, shown: InMemoryImages, precision: Precision, backbone: str) -> float:
        extractor = Extractor(load_backbone(backbone, "untrained"), 4, Views(), where, precision)
        names = [f"{number:032x}" for number in range(len(shown))]
        work = lambda: features_now(extractor, shown, names, folder=place)  # noqa: E731
        return len(shown) / _best(work, where, 2)

    for backbone in _BACKBONES:
        work = operations(load_backbone(backbone, "untrained"), torch.zeros(1, 3, _SIZE, _SIZE))
        here = rate(_CPU, few, "fp32", backbone)
        for precision in ("fp32", "fp16") if device.type == "cuda" else ("fp32",):
            found = rate(device, images, precision, backbone)
            limit = rates[precision] / work
            shares = f"{found / here:.1f}x | {found / limit:.2f} | {found / feed:.2f}"
            print(f"| {backbone}, {precision} | {found:,.0f} | {shares} |", flush=True)


def _fine_tuning(device: torch.device, count: int, place: Path) -> None:
    """Fine-tune one backbone for one pass on the device, on the CPU, and say what a photo costs."""
    images = 12 if count >= 1024 else 2
    draw_dataset(place / "drawn", ("A", "B", "C"), signers=4, images=images, size=160)
    seconds = {}
    for where in dict.fromkeys((_CPU, device)):
        config = TrainConfig(
            data=place / "drawn",
            model="finetune",
            backbone="resnet18",
            weights="untrained",
            signer=r"signer(\d+)_",
            tuning_epochs=2,
            cache=place / "cache",
            device="cpu" if where == _CPU else "cuda",
            out=place / f"run-{where.type}",
            force=True,
        )
        seconds[where.type] = train(config)["models"]["finetune"]["seconds"]["train"]
    print(f"\nFine-tuning ResNet-18, two passes over {12 * images} drawn photos: ", end="")
    print(", ".join(f"{name} {found:.1f} s" for name, found in seconds.items()))


if __name__ == "__main__":
    main()

"""Where networks run."""

import torch

from handshape.errors import UsageError
from handshape.progress import say


def choose_device(name: str) -> torch.device:
    """Return the device that a command runs networks on.

    Args:
        name: ``auto`` takes CUDA, then Apple's GPU, then the CPU.

    Raises:
        UsageError: The device is not there.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if there[kind])
    if not there[name]:
        found = ", ".join(kind for kind, present in there.items() if present)
        raise UsageError(
            f"--device {name}", f"a device that is there: {found}", "choose it, or leave out --device"
        )
    if name != "cpu":
        say(f"On {name}, torch runs the backbone. Hands are found by ONNX Runtime: see --provider.")
    return torch.device(name)

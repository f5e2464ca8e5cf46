"""How much memory a piece of work needs at most."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


class Peak:
    """The most memory that was in use: of the GPU where one is used, else of the process.

    Args:
        megabytes: 10^6 bytes, or ``None`` where the system does not say.
    """

    megabytes: float | None = None


@contextmanager
def peak_memory(device: torch.device) -> Iterator[Peak]:
    """Watch memory while something runs.

    Args:
        device: Where networks run.

    Yields:
        The peak, known when the work is done.

    Source: Linux, Documentation/filesystems/proc.rst (clear_refs 5 resets the peak, VmHWM is it).
    """
    peak = Peak()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield peak
        peak.megabytes = torch.cuda.max_memory_allocated(device) / 1e6
        return
    with suppress(OSError):
        _CLEAR.write_text("5")
    yield peak
    with suppress(OSError):
        found = [line.split() for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM")]
        peak.megabytes = int(found[0][1]) * 1024 / 1e6 if found else None

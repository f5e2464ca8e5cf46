"""Settings of everything that runs networks."""

from dataclasses import dataclass
from typing import Literal

from handshape.config.fields import Settings, option
from handshape.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class EngineOptions(Settings):
    """How many threads work at once, and what runs networks."""

    threads: int = option(0, "Threads that work at once; 0 for one on each core that may be used.")
    provider: Literal["cpu", "cuda", "coreml", "directml", "openvino"] = option(
        "cpu", "Execution provider of ONNX Runtime, which must be installed with it."
    )

    def __post_init__(self) -> None:
        """Check ranges."""
        super().__post_init__()
        if not 0 <= self.threads <= 256:
            raise UsageError(f"--threads {self.threads}", "a whole number from 0 to 256", "change --threads")

"""The engine: ONNX Runtime runs every network outside training."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.config.engine import EngineOptions
from handshape.errors import MemoryFullError, UsageError
from handshape.inference.memory import is_memory_full
from handshape.threads import set_threads

_PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
# By itself OpenVINO computes in bfloat16 where the processor can, which changes scores by a fifth.
_OPTIONS = {"OpenVINOExecutionProvider": {"precision": "FP32"}}
_provider: str = "cpu"


def configure(options: EngineOptions) -> None:
    """Apply settings to this process: its threads, and what runs the graphs that are opened from now on.

    Args:
        options: The settings.

    Raises:
        UsageError: The installed ONNX Runtime does not have the execution provider.
    """
    global _provider
    set_threads(options.threads)
    if options.provider != "cpu" and options.provider not in providers():
        raise UsageError(
            f"--provider {options.provider}",
            f"one that the installed ONNX Runtime has: {', '.join(providers())}",
            "install the package of ONNX Runtime that has it, or leave out --provider",
        )
    _provider = options.provider


def current_provider() -> str:
    """Return the name of the execution provider that runs the graphs which are opened from now on."""
    return _provider


def providers() -> tuple[str, ...]:
    """Return the names of the execution providers that are installed."""
    import onnxruntime

    there = onnxruntime.get_available_providers()
    return tuple(name for name, full in _PROVIDERS.items() if full in there)


class Graph:
    """The graph of a network, which several threads may run at once, each on its own core.

    Args:
        model: The graph, or its file.
    """

    def __init__(self, model: bytes | Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Threads beside each other are faster than threads on one image, and do not wait for each other.
        options.intra_op_num_threads = 1
        # Otherwise a memory plan would be kept for each size of the inputs.
        options.enable_mem_pattern = False
        full = _PROVIDERS[_provider]
        chosen = [(full, _OPTIONS.get(full, {}))] if _provider != "cpu" else []
        self._session = onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model),
            options,
            providers=[*chosen, _PROVIDERS["cpu"]],
        )
        self.inputs = tuple(one.name for one in self._session.get_inputs())
        """Names of the inputs."""
        self.outputs = tuple(one.name for one in self._session.get_outputs())
        """Names of the outputs."""

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of one item of an input or output; 0 where it is not fixed."""
        both = (*self._session.get_inputs(), *self._session.get_outputs())
        found = next(one.shape for one in both if one.name == name)
        return tuple(side if isinstance(side, int) else 0 for side in found[1:])

    def run_blank(self) -> None:
        """Run the graph on one item that is zero everywhere."""
        kinds = {"tensor(float)": np.float32, "tensor(bool)": np.bool_, "tensor(uint8)": np.uint8}
        blank: dict[str, NDArray[Any]] = {
            one.name: np.zeros((1, *(max(side, 1) for side in self.shape(one.name))), dtype=kinds[one.type])
            for one in self._session.get_inputs()
        }
        self.run(**blank)

    def run(self, **inputs: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        """Run the graph on N items.

        Args:
            inputs: Arrays of N items by the names of the inputs; others are not used.

        Returns:
            Arrays of N items by the names of the outputs.

        Raises:
            MemoryFullError: There is not enough memory for a single item.
        """
        used = {name: np.ascontiguousarray(inputs[name]) for name in self.inputs}
        try:
            return dict(zip(self.outputs, self._session.run(None, used), strict=True))
        except Exception as error:  # ONNX Runtime's own classes are not public
            if not is_memory_full(error):
                raise
            count = len(next(iter(used.values())))
            if count < 2:
                raise MemoryFullError(
                    "not enough memory for one image at a time",
                    "more memory",
                    "close other programs, or choose a smaller --backbone",
                ) from error
        # Outside of the block above, for the error there keeps the memory of the attempt.
        halves = [
            self.run(**{name: array[part] for name, array in used.items()})
            for part in (slice(count // 2), slice(count // 2, None))
        ]
        return {name: np.concatenate([half[name] for half in halves]) for name in self.outputs}


@cache
def packaged_graph(file: Path) -> Graph:
    """Return the graph in a file of the package, opened once."""
    return Graph(file)

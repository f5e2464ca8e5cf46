"""Find pretrained weights, say where they came from, and fit them into a network."""

import os
import re
import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from hashlib import blake2b
from http.client import HTTPException
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from handshape.errors import WeightsError

VARIABLE = "HANDSHAPE_WEIGHTS"
UNTRAINED = "untrained"
_ENDINGS = (".safetensors", ".pth", ".pt")
# Names in torchvision's oldest files, and what its networks call the same tensors today.
# Source: torchvision/models/densenet.py and vision_transformer.py, which rename them in the same way.
_OLD_NAMES = (
    (re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)"), r"\1\2"),
    (re.compile(r"\bmlp\.linear_1\."), "mlp.0."),
    (re.compile(r"\bmlp\.linear_2\."), "mlp.3."),
)


@dataclass(frozen=True)
class Weights:
    """A state dict and where it came from.

    Args:
        state: Tensors by name.
        source: A sentence fragment for reports, such as a file name or a download.
    """

    state: Mapping[str, Tensor]
    source: str


def find_weights(name: str, file: Path | None, download: Callable[[], Mapping[str, Tensor]]) -> Weights:
    """Find a backbone's pretrained weights: a given file, the folder in the environment, or a download.

    Args:
        name: Backbone, such as ``alexnet``.
        file: Weights given with ``--weights``, if any.
        download: The library's own download, which checks a hash.

    Returns:
        The weights.

    Raises:
        WeightsError: No weights are found, or the file cannot be read.
    """
    if file is not None:
        if not file.is_file():
            raise WeightsError(
                f"no weights at {str(file)!r}",
                "a safetensors file or a torchvision state dict",
                "check --weights",
            )
        return Weights(read_state_dict(file), file.name)
    kept = weights_file(name)
    if kept is not None:
        return Weights(read_state_dict(kept), kept.name)
    try:
        # torch announces a download on standard output, where --json promises one object and nothing else.
        with redirect_stdout(sys.stderr):
            return Weights(download(), "downloaded by its library, hash checked")
    except (OSError, HTTPException, RuntimeError) as error:  # torch.hub raises the last for a wrong hash
        reason = getattr(error, "reason", None) or error
        raise WeightsError(
            f"the weights of {name!r} could not be downloaded ({reason})",
            f"a file given with --weights, or {name}-*.safetensors in the folder named by ${VARIABLE}, "
            "or a connection to the internet",
            "provide one, or use --model landmarks or --backbone handnet, whose weights come with handshape",
        ) from error


def weights_file(name: str) -> Path | None:
    """Return the file of a backbone's weights in the folder that the environment names, if there is one."""
    folder = os.environ.get(VARIABLE)
    found = sorted(Path(folder).expanduser().glob(f"{name}-*")) if folder else []
    return next((path for path in found if path.suffix in _ENDINGS), None)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a state dict from safetensors or from torch's own format, executing nothing.

    Args:
        path: The file.

    Returns:
        Tensors by name.

    Raises:
        WeightsError: The file is damaged or holds something else.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():  # of what it will refuse anyway; the error below is one line
            warnings.simplefilter("ignore")
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise _unreadable(path, str(error) or type(error).__name__) from error
    except Exception as error:  # pickle.UnpicklingError and its kin: torch documents no list
        raise _unreadable(path, type(error).__name__) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise _unreadable(path, "it holds no state dict")
    return state


def fit(network: nn.Module, weights: Weights, ignored: Callable[[str], bool]) -> None:
    """Load weights into a network, every tensor of which must be there in its shape.

    Args:
        network: The network.
        weights: Its weights; more tensors than the network has do no harm.
        ignored: Whether a tensor of the network, by name, may be missing or of another shape
            (those of a classifier that is cut off).

    Raises:
        WeightsError: A tensor is missing or has another shape; the first one is named.
    """
    own, state = network.state_dict(), {_current(name): tensor for name, tensor in weights.state.items()}
    chosen: dict[str, Tensor] = {}
    for name, parameter in own.items():
        if ignored(name):
            continue
        found = state.get(name)
        if found is None and name.endswith("num_batches_tracked"):
            continue  # absent from the oldest torchvision files, and of no use in evaluation
        if found is None or found.shape != parameter.shape:
            shape = "no such tensor" if found is None else f"shape {tuple(found.shape)}"
            raise WeightsError(
                f"weights from {weights.source!r} do not fit: {name!r} has {shape}",
                f"shape {tuple(parameter.shape)}",
                "give the weights of this very backbone",
            )
        chosen[name] = found
    # Not load_state_dict: of a dictionary without versions, as safetensors gives, MNASNet takes nothing.
    for name, tensor in chosen.items():
        own[name].copy_(tensor)


def _current(name: str) -> str:
    for old, new in _OLD_NAMES:
        name = old.sub(new, name)
    return name


def state_digest(network: nn.Module) -> str:
    """Return 32 hexadecimal digits that stand for every number in a network."""
    digest = blake2b(digest_size=16)
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _unreadable(path: Path, reason: str) -> WeightsError:
    return WeightsError(
        f"cannot read the weights in {str(path)!r} ({' '.join(reason.split())})",
        "a safetensors file or a torchvision state dict",
        "download it again",
    )

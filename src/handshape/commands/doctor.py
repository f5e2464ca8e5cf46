"""Describe the installation and the machine, for a bug report, and say what will not work."""

import os
import platform
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

from handshape.cache.contents import describe_cache
from handshape.cache.location import open_cache
from handshape.config.doctor import DoctorConfig
from handshape.inference.engine import providers
from handshape.models.backbones.weights import VARIABLE
from handshape.threads import available_cores

_LIBRARIES = (
    "handshape",
    "torch",
    "torchvision",
    "onnxruntime",
    "numpy",
    "pillow",
    "scikit-learn",
    "pylance",
)
_LEAST_FREE = 2e9  # bytes


def doctor(config: DoctorConfig) -> dict[str, Any]:
    """Return versions, cores, providers, cache and weights, and a sentence for each problem.

    Raises:
        OutputError: The cache folder cannot be made.
    """
    import torch

    cache = open_cache(config.cache)
    folder = os.environ.get(VARIABLE)
    found = {
        "system": platform.platform(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        "cores": {"machine": os.cpu_count(), "usable": available_cores()},
        "providers": list(providers()),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "cache": {"folder": str(cache), "bytes": describe_cache(cache)["bytes"], "free": _free(cache)},
        "weights": {
            "folder": folder,
            "files": sorted(path.name for path in Path(folder).glob("*.*")) if folder else [],
        },
    }
    return {**found, "problems": _problems(found)}


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _problems(found: dict[str, Any]) -> list[str]:
    problems = []
    if found["cache"]["free"] < _LEAST_FREE:
        problems.append(
            f"Only {found['cache']['free'] / 1e9:.1f} GB are free where the cache is. Make room, or choose "
            "another folder with --cache."
        )
    weights = found["weights"]
    if weights["folder"] and not weights["files"]:
        problems.append(
            f"{VARIABLE} names {weights['folder']!r}, where no file is. Put weights there, or unset it."
        )
    if found["gpu"] and "cuda" not in found["providers"]:
        problems.append(
            "There is a GPU, but ONNX Runtime cannot use it: networks run on it in torch, which is slower. "
            "Install onnxruntime-gpu in place of onnxruntime."
        )
    return problems

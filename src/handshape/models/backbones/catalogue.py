"""What is known of each backbone without its weights: its size, its features, what it costs to run."""

import fnmatch
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from handshape.errors import MissingExtraError
from handshape.models.backbones import handnet
from handshape.models.backbones.registry import TIMM, backbone_names, plan_backbone
from handshape.models.backbones.spec import BackboneSpec
from handshape.models.backbones.weights import weights_file

# The network whose cost is 1.
_UNIT = "alexnet"


def find_names(pattern: str | None) -> list[str]:
    """Return the names of backbones that fit a pattern with * and ?; without one, all but timm's.

    Raises:
        MissingExtraError: The pattern is of timm's names, and the extra ``timm`` is not installed.
    """
    if pattern is None:
        return backbone_names()
    if not pattern.startswith(TIMM):
        return fnmatch.filter(backbone_names(), pattern)
    if importlib.util.find_spec("timm") is None:
        remedy = "install it with `pip install 'handshape[timm]'`"
        raise MissingExtraError("no timm here", "the extra `timm`", remedy)
    import timm

    return [TIMM + name for name in timm.list_models(pattern.removeprefix(TIMM))]


def describe_backbone(name: str) -> dict[str, Any]:
    """Return what is known of a backbone, as JSON types.

    Returns:
        ``name``; ``parameters``, their number without the classifier's; ``features``, (C, h, w) of an image;
        ``cost``, arithmetic for an image as a multiple of AlexNet's; ``weights``, where they are on this
        machine, None where they have to be downloaded or given.
    """
    plan = plan_backbone(name)
    features, operations = _measured(plan)
    return {
        "name": name,
        "parameters": sum(parameter.numel() for parameter in plan.body.parameters()),
        "features": list(features),
        "cost": round(operations / _unit(), 2),
        "weights": _weights(name, plan),
    }


@cache
def _unit() -> int:
    return _measured(plan_backbone(_UNIT))[1]


def _measured(plan: BackboneSpec) -> tuple[tuple[int, ...], int]:
    """Return the shape of an image's features and the operations for it, found without any arithmetic."""
    size = plan.preprocessing.size
    body = plan.body.to("meta").eval()
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        features = body(torch.zeros(1, 3, size, size, device="meta"))
    return tuple(features.shape[1:]), counter.get_total_flops()


def _weights(name: str, plan: BackboneSpec) -> str | None:
    if name == handnet.HANDNET:
        return "in the package"
    file = weights_file(name)
    if file is not None:
        return file.name
    if plan.address is None:
        return None
    downloaded = Path(torch.hub.get_dir()) / "checkpoints" / plan.address.rpartition("/")[2]
    return "downloaded" if downloaded.is_file() else None

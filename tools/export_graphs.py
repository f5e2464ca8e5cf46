"""Write the graphs that come with the package: of the usual backbones, and of the heads on them.

A user's first run then exports nothing, which would take a few seconds. Run it again where a network or the
exporter has changed: ``python -m tools.export_graphs``.
"""

import shutil
import tempfile
from pathlib import Path

import torch

from handshape.bundle import BundleConfig
from handshape.cache.integrity import read_sealed
from handshape.config.models import ModelName
from handshape.data.images.decode import Preprocessing
from handshape.inference.graphs import PACKAGED
from handshape.models.backbones.registry import load_backbone
from handshape.models.build import empty_network
from handshape.models.network_config import HeadConfig, NetworkConfig
from handshape.network_bundle import recogniser_of

BACKBONES = ("alexnet", "handnet", "resnet18", "squeezenet1_0", "squeezenet1_1")
_LABELS = ("A", "B")  # the graphs are the same for any others


def architectures() -> list[NetworkConfig]:
    """Return the descriptions of the networks whose graphs come with the package."""
    alone: tuple[ModelName, ...] = ("cnn", "landmarks")
    on_features: tuple[tuple[ModelName, HeadConfig], ...] = (
        ("frozen", HeadConfig()),
        ("frozen", HeadConfig("mlp", scaling="feature")),
        ("combined", HeadConfig()),
    )
    found = [NetworkConfig(model, len(_LABELS), Preprocessing()) for model in alone]
    for name in BACKBONES:
        backbone = load_backbone(name, "untrained")
        found += [
            NetworkConfig(model, len(_LABELS), backbone.preprocessing, name, backbone.feature_shape, head)
            for model, head in on_features
        ]
    return found


def export(config: NetworkConfig, cache: Path) -> None:
    """Export the graphs of a network into a cache, unless package or cache have them."""
    network = empty_network(config)
    blank = {name: torch.zeros_like(tensor, device="cpu") for name, tensor in network.state_dict().items()}
    network.load_state_dict(blank, assign=True)
    recogniser_of(network, BundleConfig(_LABELS, config), cache)


def main() -> None:
    """Write them."""
    shutil.rmtree(PACKAGED, ignore_errors=True)
    PACKAGED.mkdir()
    with tempfile.TemporaryDirectory() as folder:
        for config in architectures():
            print(config.model, config.backbone or "", config.head or "")
            export(config, Path(folder))
        for file in Path(folder).rglob("*.graph"):
            (PACKAGED / f"{file.name.split('-')[0]}.onnx").write_bytes(read_sealed(file) or b"")


if __name__ == "__main__":
    main()

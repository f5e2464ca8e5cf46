from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from handshape.data.images.decode import Preprocessing
from handshape.models.backbones import handnet
from handshape.models.backbones.handnet import HANDNET_WEIGHTS, HandNet
from handshape.models.backbones.registry import load_backbone


def noise(count: int = 2, size: int = 224) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(0))


def test_handnet__is_small() -> None:
    assert sum(parameter.numel() for parameter in HandNet().parameters()) <= 1_500_000
    assert HANDNET_WEIGHTS.file.stat().st_size <= 2_000_000


@pytest.mark.parametrize(("size", "side"), [(224, 7), (128, 4), (96, 3)])
def test_handnet__features_keep_their_place_in_space(size: int, side: int) -> None:
    with torch.inference_mode():
        features = HandNet()(noise(size=size))
    assert features.shape == (2, handnet.HANDNET_WIDTH, side, side)
    assert features.dtype == torch.float32 and bool((features >= 0).all())


def test_load_backbone__handnet_needs_no_folder_and_no_internet() -> None:
    backbone = load_backbone("handnet")
    assert backbone.source == "shipped with handshape, digest checked"
    assert backbone.preprocessing == Preprocessing(224, (0.5,) * 3, (0.25,) * 3)
    assert backbone.feature_shape == (192, 7, 7)
    assert backbone.digest == load_backbone("handnet").digest


def test_load_backbone__handnet_is_the_same_in_every_folder_of_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_file({"other": torch.zeros(1)}, tmp_path / "handnet-other.safetensors")
    monkeypatch.setenv("HANDSHAPE_WEIGHTS", str(tmp_path))
    assert load_backbone("handnet").source == "shipped with handshape, digest checked"

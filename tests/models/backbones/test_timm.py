from importlib.util import find_spec

import pytest
import torch
from torch import nn

from handshape.data.images.decode import Preprocessing
from handshape.models.backbones.registry import load_backbone

pytestmark = pytest.mark.skipif(find_spec("timm") is None, reason="timm is not installed")

# A small network of each way in which timm's features come: maps, channels last, tokens.
SHAPES = {
    "mobilenetv3_small_050": (288, 7, 7),
    "swin_s3_tiny_224": (768, 7, 7),
    "deit_tiny_distilled_patch16_224": (192, 14, 14),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
def test_plan__features_pool_to_what_timm_s_classifier_is_given(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import timm

    networks: list[nn.Module] = []
    make = timm.create_model

    def kept(*args: object, **options: object) -> nn.Module:
        networks.append(make(*args, **options))
        return networks[-1]

    monkeypatch.setattr("timm.create_model", kept)
    backbone = load_backbone(name, "untrained")
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        features = backbone(images)
        own = networks[0].forward_features(images)  # type: ignore[operator]
    assert features.shape == (2, *SHAPES[name])
    if name.startswith("deit"):  # two tokens that are no patches come first
        own = own[:, 2:].mean(dim=1)
        assert torch.allclose(features[1, :, 3, 5], networks[0].forward_features(images)[1, 2 + 14 * 3 + 5])  # type: ignore[operator]
    else:
        own = own.mean(dim=(1, 2) if name.startswith("swin") else (2, 3))
    assert torch.allclose(features.mean(dim=(2, 3)), own, atol=1e-5)


def test_plan__takes_the_preprocessing_of_its_weights() -> None:
    import timm

    config = timm.get_pretrained_cfg("mobilenetv3_small_050")
    backbone = load_backbone("mobilenetv3_small_050", "untrained")
    assert backbone.preprocessing == Preprocessing(config.input_size[-1], config.mean, config.std)

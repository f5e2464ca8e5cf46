import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from handshape.data.images.decode import Preprocessing
from handshape.models.backbones.registry import backbone_names, empty_backbone, load_backbone

# A small member of each of torchvision's families, its features, and where it pools them itself: the name
# of the layer that is given the features, or None for a mean inside forward.
FAMILIES: dict[str, tuple[tuple[int, int, int], str | None]] = {
    "convnext_tiny": ((768, 7, 7), "avgpool"),
    "densenet121": ((1024, 7, 7), None),
    "efficientnet_b0": ((1280, 7, 7), "avgpool"),
    "efficientnet_v2_s": ((1280, 12, 12), "avgpool"),
    "googlenet": ((1024, 7, 7), "avgpool"),
    "inception_v3": ((2048, 8, 8), "avgpool"),
    "maxvit_t": ((512, 7, 7), "classifier"),
    "mnasnet0_5": ((1280, 7, 7), None),
    "mobilenet_v2": ((1280, 7, 7), None),
    "mobilenet_v3_small": ((576, 7, 7), "avgpool"),
    "regnet_x_400mf": ((400, 7, 7), "avgpool"),
    "regnet_y_400mf": ((440, 7, 7), "avgpool"),
    "resnet18": ((512, 7, 7), "avgpool"),
    "resnext50_32x4d": ((2048, 7, 7), "avgpool"),
    "shufflenet_v2_x0_5": ((1024, 7, 7), None),
    "swin_t": ((768, 7, 7), "avgpool"),
    "swin_v2_t": ((768, 8, 8), "avgpool"),
    "vgg11": ((512, 7, 7), "avgpool"),
    "vit_b_32": ((768, 7, 7), None),
}
POOLED_INSIDE = {"densenet121": "classifier", "mnasnet0_5": "classifier", "mobilenet_v2": "classifier"}
POOLED_INSIDE |= {"shufflenet_v2_x0_5": "fc"}


def noise(size: int, count: int = 1, seed: int = 0) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(seed))


def close(features: Tensor, own: Tensor) -> bool:
    """Whether two roads differ by rounding only, which grows with the size of the numbers."""
    return bool((features - own).abs().max() <= 1e-4 * own.abs().max())


def fed_to(network: nn.Module, layer: str, images: Tensor) -> Tensor:
    """Run a network and return what one of its layers is given."""
    seen: list[Tensor] = []
    place = network.get_submodule(layer)
    place.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach().clone()))
    with torch.inference_mode():
        network(images)
    return seen[0]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[nn.Module]:
    """Every network that torchvision made, with first weights that are drawn faster."""
    import torchvision.models

    networks: list[nn.Module] = []
    make = torchvision.models.get_model

    def kept(*args: Any, **options: Any) -> nn.Module:
        networks.append(make(*args, **options).eval())
        return networks[-1]

    def faster(tensor: Tensor, mean: float = 0.0, std: float = 1.0, *others: Any, **options: Any) -> Tensor:
        return nn.init.normal_(tensor, mean, std)

    monkeypatch.setattr("torchvision.models.get_model", kept)
    monkeypatch.setattr("torch.nn.init.trunc_normal_", faster)
    return networks


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "vit_b_32"])
def test_load_backbone__features_are_the_network_s_own_before_pooling(
    name: str, made: list[nn.Module]
) -> None:
    shape, pooling = FAMILIES[name]
    backbone = load_backbone(name, "untrained")
    images = noise(backbone.preprocessing.size)
    with torch.inference_mode():
        features = backbone(images)
    assert features.shape == (1, *shape) and features.dtype == torch.float32
    own = fed_to(made[0], pooling or POOLED_INSIDE[name], images)
    assert close(features if pooling else features.mean(dim=(2, 3)), own)


def test_load_backbone__vit_keeps_its_patch_tokens_in_space(made: list[nn.Module]) -> None:
    backbone = load_backbone("vit_b_32", "untrained")
    images, tokens = noise(224), []
    made[0].get_submodule("encoder.ln").register_forward_hook(lambda m, i, output: tokens.append(output))
    with torch.inference_mode():
        features = backbone(images)
        made[0](images)
    assert features.shape == (1, *FAMILIES["vit_b_32"][0])
    # Token 1 + 7 row + column is the patch in that row and column; token 0 is the class's.
    assert torch.allclose(features[0, :, 2, 5], tokens[0][0, 1 + 7 * 2 + 5], atol=1e-5)


@pytest.mark.slow
def test_empty_backbone__every_torchvision_network_can_be_cut(subtests: pytest.Subtests) -> None:
    for name in backbone_names():
        if name == "handnet":
            continue
        with subtests.test(name):
            backbone = empty_backbone(name, usual_preprocessing(name))
            assert all(tensor.is_meta for tensor in backbone.state_dict().values())
            channels, height, width = backbone.feature_shape
            assert channels > 64 and height == width > 4


def usual_preprocessing(name: str) -> Preprocessing:
    import torchvision.models

    usual = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    return Preprocessing(usual.crop_size[0], tuple(usual.mean), tuple(usual.std))


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_v2_l"])
def test_load_backbone__takes_the_preprocessing_of_its_weights(name: str) -> None:
    with torch.device("meta"):
        assert load_backbone(name, "untrained").preprocessing == usual_preprocessing(name)


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_load_backbone__inceptions_see_images_as_they_were_trained_to(name: str) -> None:
    import torchvision.models

    # Their pretrained networks convert torchvision's usual normalisation to [-1, 1] inside.
    backbone = load_backbone(name, "untrained")
    size = backbone.preprocessing.size
    pixels = torch.randint(0, 256, (1, size, size, 3), dtype=torch.uint8)
    usual = usual_preprocessing(name).normalise(pixels)
    own = torchvision.models.get_model(name, weights=None, init_weights=False, transform_input=True)
    converted = own._transform_input(usual)
    assert torch.allclose(backbone.preprocessing.normalise(pixels), converted, atol=1e-5)


@pytest.mark.parametrize(
    "name, new, old",
    [
        ("densenet121", r"(denselayer\d+\.(?:norm|conv))([12]\.)", r"\1.\2"),
        ("vit_b_32", r"mlp\.([03])\.", lambda found: f"mlp.linear_{1 + int(found[1]) // 3}."),
    ],
)
def test_load_backbone__reads_the_names_of_torchvision_s_oldest_files(
    tmp_path: Path, made: list[nn.Module], name: str, new: str, old: Any
) -> None:
    source = load_backbone(name, "untrained", seed=1)
    state = {re.sub(new, old, key): tensor for key, tensor in made[0].state_dict().items()}
    assert state.keys() != made[0].state_dict().keys()
    torch.save(state, tmp_path / "old.pth")
    assert load_backbone(name, tmp_path / "old.pth").digest == source.digest


def test_load_backbone__mnasnet_needs_no_version_in_its_file(tmp_path: Path, made: list[nn.Module]) -> None:
    source = load_backbone("mnasnet0_5", "untrained", seed=1)
    state = {name: tensor.contiguous() for name, tensor in made[0].state_dict().items()}
    save_file(state, tmp_path / "mnasnet.safetensors")
    assert load_backbone("mnasnet0_5", tmp_path / "mnasnet.safetensors").digest == source.digest

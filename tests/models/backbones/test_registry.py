import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from handshape.data.images.decode import Preprocessing
from handshape.errors import BackboneError, ShapeError, WeightsError
from handshape.models.backbones.registry import Backbone, backbone_names, empty_backbone, load_backbone
from handshape.models.backbones.weights import state_digest


def noise(size: int, count: int = 1, seed: int = 0) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(seed))


def test_backbone_names__are_handnet_and_torchvision_s_classification_networks() -> None:
    names = backbone_names()
    assert names == sorted(names) and {"alexnet", "handnet", "squeezenet1_0", "vit_h_14"} <= set(names)
    assert not any(name.startswith(("quantized_", "r3d", "raft", "fcn")) for name in names)


def test_load_backbone__leaves_no_gradient_and_no_training() -> None:
    backbone = load_backbone("resnet18", "untrained")
    assert not any(parameter.requires_grad for parameter in backbone.parameters())
    assert not any(module.training for module in backbone.modules())
    before = state_digest(backbone)
    backbone(noise(64, count=4))
    assert state_digest(backbone) == before


def test_load_backbone__untrained_weights_follow_the_seed_and_leave_the_generator_alone() -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, again, other = (load_backbone("squeezenet1_1", "untrained", seed=seed) for seed in (1, 1, 2))
    assert first.digest == again.digest != other.digest
    assert first.source == "untrained"
    assert torch.equal(torch.get_rng_state(), state)


def test_load_backbone__digest_survives_a_bundle() -> None:
    full = load_backbone("squeezenet1_1", "untrained")
    empty = empty_backbone("squeezenet1_1", full.preprocessing)
    empty.load_state_dict({k: v.contiguous() for k, v in full.state_dict().items()}, assign=True)
    assert empty.digest == full.digest
    assert not any(parameter.requires_grad for parameter in empty.parameters())


@pytest.mark.parametrize(
    "name, near",
    [
        ("alexnett", "did you mean alexnet"),
        ("resnet19", "did you mean .*resnet1[0-9]+"),
        ("mobilenet_v3", "did you mean .*mobilenet_v3_"),
        ("zzz", "take alexnet, squeezenet1_0 or resnet50"),
    ],
)
def test_load_backbone__unknown_lists_near_names(name: str, near: str) -> None:
    with pytest.raises(
        BackboneError,
        match=rf"no backbone '{name}'.*; expected the name of a torchvision classification network; {near}",
    ):
        load_backbone(name, "untrained")


@pytest.mark.parametrize("shape", [(3, 224, 224), (1, 1, 224, 224), (1, 224, 224, 3)])
def test_backbone__refuses_other_shapes(shape: tuple[int, ...]) -> None:
    backbone = Backbone("thin", nn.Sequential(nn.Conv2d(3, 2, 1)), Preprocessing(8), "made")
    with pytest.raises(
        ShapeError,
        match=rf"images of shape {re.escape(str(shape))}; expected \(N, 3, H, W\); stack RGB images",
    ):
        backbone(torch.zeros(shape))


@pytest.fixture(scope="module")
def alexnet() -> nn.Module:
    import torchvision.models

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        network: nn.Module = torchvision.models.alexnet()
    return network.eval()


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
@pytest.mark.parametrize("road", ["--weights", "$HANDSHAPE_WEIGHTS"])
def test_load_backbone__alexnet_from_a_file_in_torchvision_s_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alexnet: nn.Module, ending: str, road: str
) -> None:
    path = tmp_path / f"alexnet-owt-7be5be79{ending}"
    if ending == ".pth":
        torch.save(alexnet.state_dict(), path)
    else:
        save_file(alexnet.state_dict(), path)
    if road == "--weights":
        backbone = load_backbone("alexnet", path)
    else:
        monkeypatch.setenv("HANDSHAPE_WEIGHTS", str(tmp_path))
        backbone = load_backbone("alexnet")
    images = noise(224, count=3, seed=2)
    with torch.inference_mode():
        features = backbone(images)
        own = alexnet.get_submodule("features")(images)
    assert features.shape == (3, 256, 6, 6)
    assert torch.allclose(features, own, atol=1e-5, rtol=0)
    assert backbone.source == path.name


def test_load_backbone__weights_of_another_network(tmp_path: Path, alexnet: nn.Module) -> None:
    state = alexnet.state_dict()
    state["features.3.weight"] = torch.zeros(192, 64, 3, 3)
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(
        WeightsError,
        match=r"'odd.pth' do not fit: 'features.3.weight' has shape \(192, 64, 3, 3\)",
    ):
        load_backbone("alexnet", tmp_path / "odd.pth")
    with pytest.raises(WeightsError, match=r"'features.0.weight' has .*"):
        load_backbone("vgg11", tmp_path / "odd.pth")


def test_load_backbone__needs_no_classifier(tmp_path: Path, alexnet: nn.Module) -> None:
    state = {k: v for k, v in alexnet.state_dict().items() if k.startswith("features.")}
    torch.save(state, tmp_path / "features.pth")
    body = load_backbone("alexnet", tmp_path / "features.pth").body
    assert torch.equal(body.state_dict()["features.0.weight"], state["features.0.weight"])


@pytest.mark.shared
def test_load_backbone__squeezenet_from_the_shared_weights(shared_weights: Path) -> None:
    backbone = load_backbone("squeezenet1_0")
    assert backbone.source == "squeezenet1_0-imagenet1k.safetensors"
    assert backbone.feature_shape == (512, 13, 13)
    assert backbone.digest != load_backbone("squeezenet1_0", "untrained").digest

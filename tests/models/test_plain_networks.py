import pytest
import torch
import torchvision.models
from torch import nn

from handshape.models.backbones.registry import load_backbone
from handshape.models.plain_networks import NAMES, PREPROCESSING, WEIGHTS, plan


@pytest.mark.parametrize("name", NAMES)
def test_plan__is_torchvision_s_network_up_to_its_classifier(name: str) -> None:
    own: nn.Module = torchvision.models.get_model(name).eval()
    planned = plan(name)
    state = {key: tensor for key, tensor in own.state_dict().items() if key.startswith("features.")}
    planned.network.load_state_dict(state, strict=True)
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(planned.body.eval()(images), own.get_submodule("features")(images))


@pytest.mark.parametrize("name", NAMES)
def test_plan__weights_and_preprocessing_are_torchvision_s(name: str) -> None:
    best = torchvision.models.get_model_weights(name).DEFAULT
    usual = best.transforms()
    assert WEIGHTS[name] == best.url
    assert plan(name).preprocessing == PREPROCESSING
    assert ([PREPROCESSING.size], list(PREPROCESSING.mean), list(PREPROCESSING.std)) == (
        usual.crop_size,
        usual.mean,
        usual.std,
    )


@pytest.mark.parametrize("name", NAMES)
def test_plan__downloads_its_own_weights_and_checks_their_hash(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, bool]] = []
    state = {key: tensor + 1 for key, tensor in plan(name).network.state_dict().items()}

    def fetch(url: str, *, check_hash: bool) -> dict[str, torch.Tensor]:
        asked.append((url, check_hash))
        return state

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", fetch)
    backbone = load_backbone(name)
    assert asked == [(WEIGHTS[name], True)]
    assert backbone.source == "downloaded by its library, hash checked"
    assert all(torch.equal(tensor, state[key]) for key, tensor in backbone.body.state_dict().items())


@pytest.mark.parametrize("name", ["squeezenet1_0", "squeezenet1_1"])
def test_plan__first_weights_are_drawn_as_torchvision_does(name: str) -> None:
    own = torchvision.models.get_model(name).state_dict()
    for key, tensor in plan(name).network.state_dict().items():
        if key.endswith("bias"):
            assert torch.equal(tensor, torch.zeros_like(tensor))
        else:  # uniform within the same bounds
            assert float(tensor.abs().max()) == pytest.approx(float(own[key].abs().max()), rel=0.05)

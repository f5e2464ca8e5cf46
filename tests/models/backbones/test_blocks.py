import pytest
import torch
from torch import nn

from handshape.models.backbones.blocks import cut_backbone
from handshape.models.backbones.registry import load_backbone


@pytest.mark.parametrize(
    ("name", "count", "kind"),
    [
        ("squeezenet1_1", 9, "Fire"),
        ("alexnet", 5, "Conv2d"),
        ("handnet", 7, "Layer"),
        ("resnet18", 9, "BasicBlock"),
        ("densenet121", 8, "_DenseBlock"),
        ("mobilenet_v3_small", 13, "Conv2d"),
        ("convnext_tiny", 22, "CNBlock"),
        ("swin_t", 16, "SwinTransformerBlock"),
    ],
)
def test_cut_backbone__before_its_last_block(name: str, count: int, kind: str) -> None:
    backbone = load_backbone(name, "untrained")
    everything = [id(parameter) for parameter in backbone.parameters()]
    whole = cut_backbone(backbone, None)
    assert whole.trunk is None and whole.tail is backbone.body and len(whole.blocks) == count
    assert [id(parameter) for block in whole.blocks for parameter in block] == everything
    cut = cut_backbone(backbone, 1)
    assert cut.trunk is not None
    first = next(module for module in cut.tail.children())
    assert kind in {ancestor.__name__ for ancestor in type(first).__mro__}
    assert [id(parameter) for block in cut.blocks for parameter in block] == everything[-len(cut.blocks[0]) :]
    images = torch.randn(1, 3, backbone.preprocessing.size, backbone.preprocessing.size)
    with torch.inference_mode():
        assert torch.equal(cut.tail(cut.trunk(images)), backbone(images))


def test_cut_backbone__two_blocks_are_the_last_two() -> None:
    backbone = load_backbone("squeezenet1_1", "untrained")
    one, two = cut_backbone(backbone, 1), cut_backbone(backbone, 2)
    assert len(two.blocks) == 2 and [id(p) for p in two.blocks[1]] == [id(p) for p in one.blocks[0]]
    assert cut_backbone(backbone, 9).trunk is None
    assert len(cut_backbone(backbone, 100).blocks) == 9


def test_cut_backbone__a_transformer_is_tuned_by_layers_and_not_cut() -> None:
    backbone = load_backbone("vit_b_32", "untrained")
    whole, last = cut_backbone(backbone, None), cut_backbone(backbone, 1)
    assert len(whole.blocks) == 13 and last.trunk is None and last.tail is backbone.body
    names = {id(parameter): name for name, parameter in backbone.named_parameters()}
    assert {names[id(p)].split("encoder_layer_")[-1].split(".")[0] for p in last.blocks[0]} >= {"11"}
    assert "body.network.encoder.ln.weight" in {names[id(p)] for p in last.blocks[0]}
    assert sum(len(block) for block in whole.blocks) == len(list(backbone.parameters()))


def test_cut_backbone__a_network_without_any_list_is_one_block() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.two(self.one(images))
            return found

    backbone = load_backbone("handnet", "untrained")
    backbone.body = Odd()
    assert [len(block) for block in cut_backbone(backbone, 1).blocks] == [4]

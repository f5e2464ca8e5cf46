import pytest
import torch
from torch import nn

from handshape.evaluation.explain.gradcam import gradcam
from handshape.models.cnn import CNN
from handshape.models.heads import Head, Pool
from handshape.models.network_config import HeadConfig
from handshape.models.sign_network import BackboneClassifier


class Corner(nn.Module):
    """A backbone of two features: how red and how green each quarter of the image is."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.adaptive_avg_pool2d(images[:, :2], (4, 4)).relu()


def frozen(kind: str) -> BackboneClassifier:
    """Label 0 speaks for red at the left, label 1 for green anywhere."""
    config = HeadConfig("lda", 2, scaling="root" if kind == "root" else "feature")
    head = Head(2 * 2 * 2, 2, config)
    head.mean.zero_()
    head.scale.fill_(1)
    layer = head.layers
    assert isinstance(layer, nn.Linear)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.zero_()
        layer.weight[0] = torch.tensor([1.0, 0, 1, 0, 0, 0, 0, 0])
        layer.weight[1] = torch.tensor([0.0, 0, 0, 0, 1, 1, 1, 1])
    return BackboneClassifier(Corner(), Pool(2, 4, 4), head).eval()


@pytest.mark.parametrize("kind", ["root", "feature"])
def test_evidence__shines_where_the_features_that_count_are(kind: str) -> None:
    images = torch.zeros(2, 3, 32, 32)
    images[0, 0, :16] = 1  # red above; only its left half speaks for label 0
    images[1, 1, 16:, 16:] = 1  # green at the lower right
    light = gradcam(frozen(kind), images, torch.tensor([0, 1]), torch.tensor([1, 0]))
    assert light.shape == (2, 32, 32) and light.dtype == torch.float32
    assert torch.isfinite(light).all() and light.min() >= 0
    assert light.amax(dim=(1, 2)).tolist() == pytest.approx([1, 1])
    assert light[0, 4, 4] > 0.8 and light[0, 4, 28] < 0.1 and light[0, 28, 4] < 0.1
    assert light[1, 28, 28] > 0.8 and light[1, 4, 4] < 0.1


def test_evidence__is_dark_where_nothing_speaks_for_the_label() -> None:
    images = torch.zeros(1, 3, 32, 32)
    images[0, 0] = 1
    light = gradcam(frozen("feature"), images, torch.tensor([1]), torch.tensor([0]))
    assert light.max() == 0


def test_evidence__of_a_cnn_leaves_it_as_it_was() -> None:
    torch.manual_seed(0)
    network = CNN(3, 32).eval()
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        before = network(images)
    light = gradcam(network, images, before.argmax(dim=1), before.argmin(dim=1))
    assert light.shape == (2, 32, 32) and light.min() >= 0 and light.max() <= 1
    assert all(parameter.grad is None for parameter in network.parameters())
    with torch.inference_mode():
        assert torch.equal(network(images), before)

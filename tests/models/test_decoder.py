import pytest
import torch

from handshape.models.backbones.registry import load_backbone
from handshape.models.decoder import PROBE_SIZE, Autoencoder, Decoder, Probe

SHAPES = {"alexnet": (256, 6, 6), "squeezenet1_0": (512, 13, 13), "handnet": (192, 7, 7)}


def stirred(network: torch.nn.Module) -> torch.nn.Module:
    """The network with every weight drawn anew, so that none is zero."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.1)
    return network.eval()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_decoder__starts_with_the_mean_photo(shape: tuple[int, int, int]) -> None:
    mean = torch.rand(3, 224, 224)
    photos = Decoder(shape, mean)(torch.randn(2, *shape))
    assert photos.shape == (2, 3, 224, 224) and torch.equal(photos, mean.expand(2, -1, -1, -1))


def test_decoder__no_checkerboard() -> None:
    # The same features everywhere must give the same colour everywhere, away from the edges: what
    # transposed convolutions fail at, because their kernels overlap unevenly.
    decoder = stirred(Decoder((8, 7, 7), torch.zeros(3, 224, 224)))
    with torch.inference_mode():
        photo = decoder(torch.randn(1, 8, 1, 1).expand(1, 8, 7, 7))[0, :, 80:144, 80:144]
    assert photo.abs().max() > 1e-3
    assert (photo - photo[:, :1, :1]).abs().max() < 1e-4 * photo.abs().max()


def test_decoder__features_are_scaled() -> None:
    codes = torch.randn(40, 4, 7, 7) * torch.tensor([1.0, 10.0, 0.1, 0.0]).reshape(4, 1, 1) + 3
    decoder = stirred(Decoder((4, 7, 7), torch.zeros(3, 224, 224)))
    assert isinstance(decoder, Decoder)
    decoder.scale_by(codes)
    scaled = (codes - decoder.centre) * decoder.scale
    deviations, means = torch.std_mean(scaled, dim=(0, 2, 3))
    assert torch.allclose(means, torch.zeros(4), atol=1e-4)
    assert torch.allclose(deviations, torch.tensor([1.0, 1.0, 1.0, 0.0]), atol=1e-2)


def test_autoencoder__the_encoder_is_trained_and_keeps_its_statistics() -> None:
    encoder = load_backbone("resnet18", "untrained")
    network = Autoencoder(encoder, Decoder(encoder.feature_shape, torch.zeros(3, 224, 224)))
    stirred(network.decoder)
    network.train()
    assert network.decoder.training and not any(module.training for module in encoder.modules())
    network(torch.randn(2, 3, 224, 224)).square().mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize("side", [109, 13])
def test_probe__every_layer_at_the_same_size(side: int) -> None:
    mean = torch.rand(3, PROBE_SIZE, PROBE_SIZE)
    photos = Probe(5, mean).eval()(torch.randn(2, 5, side, side))
    assert torch.equal(photos, mean.expand(2, -1, -1, -1))

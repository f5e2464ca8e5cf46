import pytest
import torch

from handshape.models.backbones.registry import load_backbone
from handshape.models.decoder import PROBE_SIZE, Autoencoder, Decoder, Probe


def randomised(network: torch.nn.Module) -> torch.nn.Module:
    """The network with random weights, none of them zero."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.1)
    return network.eval()


@pytest.mark.parametrize("shape", [(256, 6, 6), (512, 13, 13), (192, 7, 7), (5, 109, 109)])
def test_decoder_and_probe__start_with_the_mean_photo(shape: tuple[int, int, int]) -> None:
    mean, small = torch.rand(3, 224, 224), torch.rand(3, PROBE_SIZE, PROBE_SIZE)
    features = torch.randn(2, *shape)
    assert torch.equal(Decoder(shape, mean)(features), mean.expand(2, -1, -1, -1))
    assert torch.equal(Probe(shape[0], small).eval()(features), small.expand(2, -1, -1, -1))


def test_decoder__no_checkerboard() -> None:
    # The same features everywhere must give the same colour everywhere, away from the edges: transposed
    # convolutions do not, because their kernels overlap unevenly.
    decoder = randomised(Decoder((8, 7, 7), torch.zeros(3, 224, 224)))
    with torch.inference_mode():
        photo = decoder(torch.randn(1, 8, 1, 1).expand(1, 8, 7, 7))[0, :, 80:144, 80:144]
    assert photo.abs().max() > 1e-3
    assert (photo - photo[:, :1, :1]).abs().max() < 1e-4 * photo.abs().max()


def test_autoencoder__the_encoder_is_trained_and_keeps_its_statistics() -> None:
    encoder = load_backbone("resnet18", "untrained")
    network = Autoencoder(encoder, Decoder(encoder.feature_shape, torch.zeros(3, 224, 224)))
    randomised(network.decoder)
    network.train()
    assert network.decoder.training and not any(module.training for module in encoder.modules())
    network(torch.randn(2, 3, 224, 224)).square().mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())

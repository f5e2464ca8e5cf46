"""Decoders: networks that reconstruct a photo from a backbone's features."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handshape.models.backbones.layers import FeatureLayer, outputs_of
from handshape.models.backbones.registry import Backbone

# Channels of the map at a 16th, an 8th, a quarter and half of the photo's height: most of the work is done
# where the map is small.
_WIDTHS = (128, 64, 48, 16)
_SMALLEST_STEP = 1.5
_PROBE = 32
PROBE_SIZE = 64
"""Height and width of the photos that `Probe` reconstructs, pixels."""


class Decoder(nn.Module):
    """Reconstructs a photo from a feature map: enlarge and convolve, step by step.

    Bilinear enlarging followed by a 3 x 3 convolution leaves no checkerboard, as transposed convolutions do.
    The output is added to the mean photo, which an untrained decoder returns.

    Args:
        shape: (C, h, w) of the features.
        mean: (3, H, W) float32 in [0, 1], the mean of the training photos.

    Source: A. Odena, V. Dumoulin and C. Olah, Deconvolution and Checkerboard Artifacts, Distill 2016
    (doi 10.23915/distill.00003).
    """

    def __init__(self, shape: tuple[int, int, int], mean: Tensor) -> None:
        super().__init__()
        size = int(mean.shape[-1])
        self.register_buffer("mean", mean.clone())
        self.register_buffer("centre", torch.zeros(shape[0], 1, 1))
        self.register_buffer("scale", torch.ones(shape[0], 1, 1))
        self.sizes = [step for step in _steps(size) if step >= _SMALLEST_STEP * shape[1]]
        before = _WIDTHS[0]
        self.enter = _block(shape[0], before, kernel=1)
        narrow, blocks = [], []
        for after in _WIDTHS[len(_WIDTHS) - len(self.sizes) :]:
            narrow.append(nn.Conv2d(before, after, 1))
            blocks.append(_block(after, after))
            before = after
        self.narrow, self.blocks = nn.ModuleList(narrow), nn.ModuleList(blocks)
        self.leave = _last(before)
        self.to(memory_format=torch.channels_last)

    mean: Tensor
    centre: Tensor
    scale: Tensor

    def scale_by(self, features: Tensor) -> None:
        """Take mean and deviation of each channel from (N, C, h, w) float32 training features."""
        deviation, mean = torch.std_mean(features, dim=(0, 2, 3), correction=0)
        self.centre.copy_(mean[:, None, None])
        self.scale.copy_((1 / deviation.clamp(min=1e-3))[:, None, None])

    def forward(self, features: Tensor) -> Tensor:
        """Return photos.

        Args:
            features: (N, C, h, w) float32.

        Returns:
            (N, 3, H, W) float32, RGB, meant to lie in [0, 1] and not cut there.
        """
        x = self.enter((features - self.centre) * self.scale)
        for size, narrow, block in zip(self.sizes, self.narrow, self.blocks, strict=True):
            # Channels are mixed before enlarging, where that costs a quarter.
            x = block(F.interpolate(narrow(x), (size, size), mode="bilinear"))
        x = F.interpolate(x, self.mean.shape[-2:], mode="bilinear")
        photos: Tensor = self.leave(x) + self.mean
        return photos


class Autoencoder(nn.Module):
    """A backbone as the encoder, and a decoder; both are trained.

    Args:
        encoder: Its batch norm keeps its statistics; all other parameters are trained.
        decoder: From its features to photos.
    """

    def __init__(self, encoder: Backbone, decoder: Decoder) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder.requires_grad_(True), decoder

    def train(self, mode: bool = True) -> "Autoencoder":
        """Put the decoder into training mode or out of it; the encoder stays in evaluation mode."""
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, 3, H, W) photos from (N, 3, H, W) normalised images."""
        photos: Tensor = self.decoder(self.encoder(images))
        return photos


class Probe(nn.Module):
    """A small decoder, the same for every layer: mix channels, resize to 64 x 64, convolve twice.

    Args:
        channels: C of the layer.
        mean: (3, 64, 64) float32 in [0, 1], the mean of the training photos.
    """

    def __init__(self, channels: int, mean: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.clone())
        self.enter = nn.Sequential(nn.BatchNorm2d(channels), nn.Conv2d(channels, _PROBE, 1), nn.ReLU())
        self.leave = nn.Sequential(_block(_PROBE, _PROBE), _last(_PROBE))
        self.to(memory_format=torch.channels_last)

    mean: Tensor

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, 3, 64, 64) float32 photos from (N, C, h, w) float32 features of any height and width."""
        x = self.enter(features)
        shrinks = features.shape[-1] > PROBE_SIZE
        x = F.interpolate(x, (PROBE_SIZE, PROBE_SIZE), mode="bilinear", antialias=shrinks)
        photos: Tensor = self.leave(x) + self.mean
        return photos


class Probes(nn.Module):
    """One probe for each layer of a frozen backbone, run together.

    Args:
        backbone: The backbone; it is in no state dict of the probes.
        layers: L layers of it.
        mean: (3, 64, 64) mean training photo.
    """

    def __init__(self, backbone: nn.Module, layers: Sequence[FeatureLayer], mean: Tensor) -> None:
        super().__init__()
        self.probes = nn.ModuleList(Probe(layer.shape[0], mean) for layer in layers)
        self._frozen, self._sources = (backbone,), [layer.module for layer in layers]

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, L, 3, 64, 64) photos from (N, 3, H, W) normalised images."""
        with torch.no_grad(), outputs_of(self._sources) as found:
            self._frozen[0](images)
        pairs = zip(self.probes, self._sources, strict=True)
        return torch.stack([probe(found[module]) for probe, module in pairs], dim=1)


def _steps(size: int) -> list[int]:
    """Return the heights of the steps, each twice the one before, without the photo's own."""
    return [round(size / 2**halvings) for halvings in (4, 3, 2, 1)]


def _last(before: int) -> nn.Conv2d:
    """Return a convolution to RGB whose output is 0 before training."""
    conv = nn.Conv2d(before, 3, 3, padding=1)
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]  # it has one
    return conv


def _block(before: int, after: int, kernel: int = 3) -> nn.Sequential:
    conv = nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after), nn.ReLU(inplace=True))

"""Use a network of your own as a backbone, with its own preprocessing and your own augmentation.

python own_backbone.py PHOTOS [OUT]
"""

import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import handshape


class Edges(nn.Module):
    """A small network; yours would come with trained weights."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(
            nn.Conv2d(3, 32, 7, stride=4), nn.ReLU(), nn.Conv2d(32, 64, 3, stride=2), nn.ReLU()
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return (N, 64, h, w) features of (N, 3, H, W) images: no pooling and no classifier."""
        features: torch.Tensor = self.layers(images)
        return features


def darker(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a darker view of an (H, W, 3) image."""
    return (image * rng.uniform(0.5, 1.0)).astype(np.uint8)


def main(photos: Path, out: Path) -> handshape.TrainResult:
    """Train a head on the network's features."""
    result = handshape.train(
        photos,
        model="frozen",
        backbone=Edges(),
        preprocessing=handshape.Preprocessing(size=96, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)),
        augment=darker,
        signer=r"([a-z]+\d*)_",
        out=out,
    )
    print(f"{result.answer}.")
    return result


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "runs/own-backbone"))

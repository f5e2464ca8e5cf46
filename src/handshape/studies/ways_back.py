"""Ways to an autoencoder: a frozen encoder, the same one tuned, and one from scratch."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Subset

from handshape.config.study import AutoencoderConfig
from handshape.data.dataset import SPLITS, SplitIndices
from handshape.data.images.prepared import read_batch
from handshape.evaluation.reconstruction import measure_reconstruction
from handshape.models.backbones.registry import load_backbone
from handshape.models.backbones.weights import UNTRAINED
from handshape.models.decoder import Autoencoder, Decoder
from handshape.models.heads import Head, HeadConfig, Pool
from handshape.studies.grid import as_pixels
from handshape.studies.material import PLACES, Material
from handshape.studies.steps import Result
from handshape.training.checkpoint import Checkpoint
from handshape.training.datasets import FeatureRows, Inputs, NormalisedImages
from handshape.training.heads.lda import train_lda
from handshape.training.reconstruction import ReconstructionConfig, TargetPhotos, train_reconstruction

SHOWN = 9
"""Photos in the grid, one for each of the first labels."""
_BATCH = 32
# The pretrained encoder moves a tenth as fast as its decoder: it knows something already.
_ENCODER_RATE = 0.1
# A decoder that has been through its own schedule goes on lower.
_AGAIN_RATE = 0.5


@dataclass(frozen=True)
class Bench:
    """What the ways share: photos, sides, and the mean photo of the training side.

    Args:
        config: The settings.
        material: The photos and the backbone.
    """

    config: AutoencoderConfig
    material: Material

    @cached_property
    def sides(self) -> SplitIndices:
        """Indices of the photos used, spread evenly over each side of the split."""
        share = min(1.0, self.config.photos / len(self.material.classes))
        return {
            side: indices[
                np.linspace(0, len(indices) - 1, max(1, int(len(indices) * share))).round().astype(int)
            ]
            for side, indices in self.material.sides.items()
        }

    @property
    def size(self) -> int:
        """Height and width of the photos in pixels."""
        return self.material.backbone.preprocessing.size

    def photos(self, side: str, size: int | None = None) -> TargetPhotos:
        """Return the photos of one side, as they are to be given back."""
        indices = self.sides[side]  # type: ignore[index]
        return TargetPhotos(self.material.survey.indexed.images, indices, size or self.size)

    def images(self, side: str) -> Inputs:
        """Return the photos of one side as inputs of the backbone."""
        chosen = Subset(self.material.survey.indexed.images, self.sides[side].tolist())  # type: ignore[index]
        return NormalisedImages(chosen, self.material.backbone.preprocessing)

    def codes(self, side: str) -> NDArray[np.float16]:
        """Return every place of the frozen features of one side."""
        return self.material.features(None, indices=self.sides[side])  # type: ignore[index]

    @cached_property
    def mean(self) -> Tensor:
        """The mean photo of the training side, (3, H, W) float32."""
        return self.photos("train").mean()

    @cached_property
    def shown(self) -> NDArray[np.int64]:
        """Places on the test side of the photos in the grid: for each label the middle one."""
        classes = self.material.classes[self.sides["test"]]
        found = [np.flatnonzero(classes == label) for label in np.unique(classes)[:SHOWN]]
        return np.array([own[len(own) // 2] for own in found], dtype=np.int64)

    @cached_property
    def reader(self) -> Head:
        """Discriminant analysis on frozen features of the training photos, to read what came back."""
        classes = self.material.classes
        sides = {side: self.sides[side] for side in SPLITS}
        rows = {side: FeatureRows(self.material.features(indices=i)) for side, i in sides.items()}
        head = Head(rows["train"].width, len(self.material.labels), HeadConfig("lda", PLACES))
        train_lda(head, (rows["train"], classes[sides["train"]]), (rows["valid"], classes[sides["valid"]]))
        return head

    def read(self, photos: Tensor) -> NDArray[np.int64]:
        """Read (n, 3, H, W) photos, rounded to 8 bits, with the frozen backbone: (n,) int64 classes."""
        backbone = self.material.backbone.to(self.material.device)
        pool = Pool(PLACES, *backbone.feature_shape[1:]).to(self.material.device)
        pixels = torch.from_numpy(as_pixels(photos)).to(self.material.device)
        with torch.inference_mode():
            features = pool(backbone(backbone.preprocessing.normalise(pixels))).cpu()
            told: NDArray[np.int64] = self.reader(features).argmax(dim=1).numpy()
        return told


def mean_photo(bench: Bench) -> Result:
    """Measure the mean training photo in the place of every test photo: what knowing nothing is worth."""
    photos = bench.photos("test")
    found = measure_reconstruction(
        photos, lambda batch: bench.mean.expand(len(batch), -1, -1, -1), bench.mean
    )
    originals = _read_all(bench, lambda batch: read_batch(photos, batch))
    truth = bench.material.classes[bench.sides["test"]]
    return Result(
        {**found.to_dict(), "read": float((originals == truth).mean()), "seconds": 0.0},
        {"shown": torch.from_numpy(as_pixels(read_batch(photos, bench.shown)))},
    )


def frozen(bench: Bench, keeper: Checkpoint) -> Result:
    """Train a decoder alone on stored features."""
    decoder = new_decoder(bench, bench.codes("train"))
    sides = {side: FeatureRows(bench.codes(side)) for side in ("train", "valid")}
    history = _train(bench, decoder, [decoder], sides, bench.config.epochs, (1.0,), keeper, "the decoder")
    tested = FeatureRows(bench.codes("test"))
    parts = {"decoder": decoder}
    return _result(bench, decoder, tested, history, trained=decoder, parts=parts)


def longer(bench: Bench, begun: Mapping[str, Tensor], keeper: Checkpoint) -> Result:
    """Go on with the decoder alone for as many passes as `tuned` does: what tuning has to be measured by.

    Args:
        bench: The photos and settings.
        begun: Tensors of the frozen way.
        keeper: Keeps the training.
    """
    decoder = kept_decoder(bench, begun)
    sides = {side: FeatureRows(bench.codes(side)) for side in ("train", "valid")}
    passes, rates = _more_passes(bench), (_AGAIN_RATE,)
    history = _train(bench, decoder, [decoder], sides, passes, rates, keeper, "the decoder on")
    return _result(bench, decoder, FeatureRows(bench.codes("test")), history, trained=decoder, parts={})


def tuned(bench: Bench, begun: Mapping[str, Tensor], keeper: Checkpoint) -> Result:
    """Go on from the decoder on frozen features, and let the encoder move, too.

    Args:
        bench: The photos and settings.
        begun: Tensors of the frozen way.
        keeper: Keeps the training.
    """
    encoder = load_backbone(bench.config.backbone, bench.config.weights, seed=bench.config.seed)
    network = Autoencoder(encoder, kept_decoder(bench, begun))
    rates = (_AGAIN_RATE * _ENCODER_RATE, _AGAIN_RATE)
    return _whole(bench, network, _more_passes(bench), rates, keeper, "both")


def scratch(bench: Bench, keeper: Checkpoint) -> Result:
    """Train an encoder of the same shape from random weights, together with its decoder."""
    encoder = load_backbone(bench.config.backbone, UNTRAINED, seed=bench.config.seed)
    with torch.inference_mode():
        codes = encoder(read_batch(bench.images("train"), range(min(_BATCH, len(bench.sides["train"])))))
    network = Autoencoder(encoder, new_decoder(bench, codes.numpy()))
    passes = max(1, round(bench.config.epochs / 3))
    return _whole(bench, network, passes, (0.25, 1.0), keeper, "from scratch")


def new_decoder(bench: Bench, codes: NDArray[Any] | None) -> Decoder:
    """Make a decoder with the seed's first weights, scaled by codes where there are any."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(bench.config.seed)
        decoder = Decoder(bench.material.backbone.feature_shape, bench.mean)
    if codes is not None:
        sample = codes[np.linspace(0, len(codes) - 1, min(len(codes), 128)).astype(int)]
        decoder.scale_by(torch.from_numpy(np.asarray(sample, dtype=np.float32)))
    return decoder


def kept_decoder(bench: Bench, begun: Mapping[str, Tensor]) -> Decoder:
    """Return the decoder of the frozen way from the tensors that its step left behind."""
    decoder = new_decoder(bench, None)
    decoder.load_state_dict(state_in(begun, "decoder"))
    return decoder


def _more_passes(bench: Bench) -> int:
    return max(1, round(bench.config.epochs / 6))


def state_in(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """Return the state of one part of a network from the tensors of a step."""
    return {name.removeprefix(f"{part}."): t for name, t in tensors.items() if name.startswith(f"{part}.")}


def _whole(
    bench: Bench, network: Autoencoder, passes: int, rates: tuple[float, float], keeper: Checkpoint, what: str
) -> Result:
    sides = {side: bench.images(side) for side in ("train", "valid")}
    parts = [network.encoder, network.decoder]
    history = _train(bench, network, parts, sides, passes, rates, keeper, what)
    return _result(bench, network, bench.images("test"), history, trained=network, parts={})


def _train(
    bench: Bench,
    network: nn.Module,
    parts: list[nn.Module],
    sides: Mapping[str, Inputs],
    passes: int,
    rates: tuple[float, ...],
    keeper: Checkpoint,
    what: str,
) -> list[dict[str, float]]:
    config = ReconstructionConfig(
        epochs=passes,
        batch_size=bench.config.batch_size,
        learning_rates=[rate * bench.config.learning_rate for rate in rates],
        seed=bench.config.seed,
    )
    return train_reconstruction(
        network,
        parts,
        (sides["train"], bench.photos("train")),
        (sides["valid"], bench.photos("valid")),
        config,
        device=bench.material.device,
        what=f"Training {what}",
        keeper=keeper,
    )


def _result(
    bench: Bench,
    network: nn.Module,
    tested: Inputs,
    history: list[dict[str, float]],
    *,
    trained: nn.Module,
    parts: Mapping[str, nn.Module],
) -> Result:
    device = bench.material.device

    def rebuild(batch: NDArray[np.int64]) -> Tensor:
        with torch.inference_mode():
            photos: Tensor = network(read_batch(tested, batch).to(device)).cpu()
        return photos

    found = measure_reconstruction(bench.photos("test"), rebuild, bench.mean)
    truth = bench.material.classes[bench.sides["test"]]
    figures = {
        **found.to_dict(),
        "read": float((_read_all(bench, rebuild) == truth).mean()),
        "passes": len(history),
        "trained": sum(p.numel() for p in trained.parameters()),
        "seconds": math.fsum(row["seconds"] for row in history),
    }
    tensors = {"shown": torch.from_numpy(as_pixels(rebuild(bench.shown)))}
    for name, part in parts.items():
        tensors |= {f"{name}.{key}": value for key, value in part.state_dict().items()}
    return Result(figures, tensors, history)


def _read_all(bench: Bench, rebuild: Any) -> NDArray[np.int64]:
    order = np.arange(len(bench.sides["test"]))
    batches = [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]
    return np.concatenate([bench.read(rebuild(batch)) for batch in batches])

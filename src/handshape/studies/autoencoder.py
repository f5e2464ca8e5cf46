"""Can a classifier's backbone be the encoder of an autoencoder, and what do its features lose of a photo?

A decoder is trained to reconstruct photos from frozen features; then for a few epochs more, once with the
encoder frozen and once with it tuned; and encoder and decoder together from random weights. The same small
decoder on every layer shows where in the network the photo is lost.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Subset

from handshape.config.study import AutoencoderConfig
from handshape.data.dataset import SPLITS, SplitIndices, SplitName
from handshape.data.images.photo_grid import photo_grid
from handshape.data.images.prepared import read_batch
from handshape.evaluation.json_result import JsonResult
from handshape.models.backbones.layers import layers_of
from handshape.models.backbones.registry import load_backbone
from handshape.models.backbones.weights import UNTRAINED
from handshape.models.decoder import PROBE_SIZE, Autoencoder, Decoder, Probes
from handshape.models.heads import Head, Pool
from handshape.models.network_config import HeadConfig
from handshape.studies.page import PageImage, PageTable, Section, StudyOutcome, percent, texts
from handshape.studies.steps import GRID, StepResult, Steps, StudyData
from handshape.training import reconstruction
from handshape.training.checkpoint import Checkpoint
from handshape.training.datasets import FeatureRows, Inputs, LabelledFeatures, NormalisedImages
from handshape.training.heads.lda import train_lda
from handshape.training.loop import LoopSettings, parameter_group
from handshape.training.reconstruction import TargetPhotos, psnr_of

# Name, divisor of the epochs, and highest learning rates of (encoder and) decoder as shares of the setting. A
# pretrained encoder changes a tenth as fast as its decoder; a decoder continues at half its first rate.
_ENCODERS: dict[str, tuple[str, int, tuple[float, ...]]] = {
    "frozen": ("frozen", 1, (1.0,)),
    "longer": ("frozen, longer", 6, (0.5,)),
    "tuned": ("tuned", 6, (0.05, 0.5)),
    "scratch": ("from scratch", 3, (0.25, 1.0)),
}
_BATCH = 32
# Photos in the grid, one of each of the first labels, and in the sheet of layers.
_SHOWN, _SHOWN_BY_LAYER = 9, 3
# Layers that are probed, spread evenly, and the probes' training photos and epochs.
_LAYERS, _PROBE_PHOTOS, _PROBE_EPOCHS = 9, 600, 2
# Reconstructions are good if this share of the signs recognised in photos is recognised in them.
_RECOGNISABLE = 0.8
# Smaller gains do not count, dB.
_NOTABLE = 0.1

_Figures = Mapping[str, Any]
_Rebuild = Callable[[NDArray[np.int64]], Tensor]


def study_autoencoder(config: AutoencoderConfig, data: StudyData, steps: Steps) -> StudyOutcome:
    """Train a decoder with a frozen encoder, with a tuned one and from scratch, and probe every layer.

    Args:
        config: The settings.
        data: The photos and the backbone.
        steps: Keeps the results of finished steps.

    Returns:
        How well each autoencoder reconstructs test photos, with photos to look at.
    """
    photos = StudyPhotos(config, data)
    results = {"mean": steps.run("mean", lambda _: _measure_mean_photo(photos))}
    for name in _ENCODERS:
        start = results["frozen"].tensors if name in ("longer", "tuned") else {}
        results[name] = steps.run(name, partial(_fit_autoencoder, photos, name, start))
    results["layers"] = steps.run("layers", partial(probe_layers, photos))
    return _describe(photos, results)


@dataclass(frozen=True)
class StudyPhotos:
    """The photos as inputs and targets, and the classifier that recognises signs in reconstructions.

    Args:
        config: The settings.
        data: The photos and the backbone.
    """

    config: AutoencoderConfig
    data: StudyData

    @cached_property
    def splits(self) -> SplitIndices:
        """Indices of the photos used, spread evenly over each part of the split."""
        share = min(1.0, self.config.photos / len(self.data.classes))
        counts = {name: max(1, int(len(own) * share)) for name, own in self.data.splits.items()}
        return {name: own[_spread(len(own), counts[name])] for name, own in self.data.splits.items()}

    @property
    def size(self) -> int:
        """Height and width of the photos in pixels."""
        return self.data.backbone.preprocessing.size

    def targets(self, split: SplitName, size: int | None = None) -> TargetPhotos:
        """Return the photos of one split, to be reconstructed."""
        return TargetPhotos(self.data.images, self.splits[split], size or self.size)

    def images(self, split: SplitName) -> Inputs:
        """Return the photos of one split as inputs of the backbone."""
        chosen = Subset(self.data.images, self.splits[split].tolist())
        return NormalisedImages(chosen, self.data.backbone.preprocessing)

    def codes(self, split: SplitName) -> FeatureRows:
        """Return the frozen features of one split at all places."""
        return FeatureRows(self.data.features(None, indices=self.splits[split]))

    @cached_property
    def mean(self) -> Tensor:
        """The mean training photo, (3, H, W) float32."""
        return self.targets("train").mean()

    @cached_property
    def test_classes(self) -> NDArray[np.int64]:
        """Class index of each test photo."""
        return self.data.classes[self.splits["test"]]

    @cached_property
    def shown(self) -> NDArray[np.int64]:
        """Positions among the test photos of those in the grid: the middle one of each label."""
        own = [np.flatnonzero(self.test_classes == label) for label in np.unique(self.test_classes)[:_SHOWN]]
        return np.array([positions[len(positions) // 2] for positions in own], dtype=np.int64)

    @cached_property
    def _head(self) -> Head:
        def labelled(own: NDArray[np.int64]) -> LabelledFeatures:
            return FeatureRows(self.data.features(indices=own)), self.data.classes[own]

        train, valid = labelled(self.splits["train"]), labelled(self.splits["valid"])
        head = Head(train[0].width, len(self.data.labels), HeadConfig("lda", GRID))
        train_lda(head, train, valid)
        return head

    def recognised(self, rebuild: _Rebuild) -> float:
        """Return the accuracy of linear discriminant analysis on (n, 3, H, W) photos, rounded to 8 bits."""
        backbone, predicted = self.data.backbone.to(self.data.device), []
        pool = Pool(GRID, *backbone.feature_shape[1:]).to(self.data.device)
        for batch in _batches(len(self.test_classes)):
            images = backbone.preprocessing.normalise(_to_pixels(rebuild(batch)).to(self.data.device))
            with torch.inference_mode():
                predicted.append(self._head(pool(backbone(images)).cpu()).argmax(dim=1).numpy())
        return float((np.concatenate(predicted) == self.test_classes).mean())


def _batches(count: int) -> list[NDArray[np.int64]]:
    return np.split(np.arange(count), range(_BATCH, count, _BATCH))


def _spread(length: int, count: int) -> NDArray[np.int64]:
    return np.linspace(0, length - 1, count).round().astype(np.int64)


def _to_pixels(photos: Tensor) -> Tensor:
    """Return (n, 3, H, W) float photos as (n, H, W, 3) uint8, clipped to [0, 1]."""
    return (photos.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu()


# What is measured of reconstructions.


@dataclass(frozen=True)
class Reconstruction(JsonResult):
    """How similar reconstructions are to their photos.

    Args:
        psnr: Mean over photos of the peak signal-to-noise ratio, dB.
        ssim: Mean structural similarity at full size, at most 1.
    """

    psnr: float
    ssim: float


def measure_reconstruction(photos: TargetPhotos, rebuild: _Rebuild) -> Reconstruction:
    """Compare photos with their reconstructions.

    Args:
        photos: N photos.
        rebuild: From B indices to (B, 3, H, W) float32 reconstructions, which are clipped to [0, 1] here.

    Source: Z. Wang and others, Image Quality Assessment: From Error Visibility to Structural Similarity,
    IEEE Transactions on Image Processing 13(4), 2004, as torchmetrics has it (11 x 11 Gaussian window).
    """
    from torchmetrics.functional.image import structural_similarity_index_measure as ssim

    ratios, similarities = [], []
    with torch.inference_mode():
        for batch in _batches(len(photos)):
            wanted, found = read_batch(photos, batch), rebuild(batch).cpu().clamp(0, 1)
            ratios.append(psnr_of(found, wanted))
            similarity = ssim(found, wanted, data_range=1.0, reduction="none")
            assert isinstance(similarity, Tensor)  # a tuple only when more is asked for
            similarities.append(similarity)
    psnr, mean_ssim = (float(torch.cat(values).double().mean()) for values in (ratios, similarities))
    return Reconstruction(psnr, mean_ssim)


def _measure_mean_photo(photos: StudyPhotos) -> StepResult:
    """Measure the mean training photo in place of each test photo, and the accuracy on the test photos."""
    targets, mean = photos.targets("test"), photos.mean
    found = measure_reconstruction(targets, lambda batch: mean.expand(len(batch), -1, -1, -1))
    figures = {"mean_photo": found, "recognised": photos.recognised(partial(read_batch, targets))}
    return StepResult(figures, {"shown": _to_pixels(read_batch(targets, photos.shown))})


# The autoencoders.


def _fit_autoencoder(
    photos: StudyPhotos, name: str, start: Mapping[str, Tensor], keeper: Checkpoint
) -> StepResult:
    """Train one autoencoder and measure it; ``start`` holds the decoder of frozen features."""
    config, decoder = photos.config, _make_decoder(photos, start)
    inputs: Callable[[SplitName], Inputs] = photos.codes
    network: nn.Module = decoder
    parts: list[nn.Module] = [decoder]
    if name in ("tuned", "scratch"):
        weights = config.weights if name == "tuned" else UNTRAINED
        encoder = load_backbone(config.backbone, weights, seed=config.seed)
        inputs, network, parts = photos.images, Autoencoder(encoder, decoder), [encoder, decoder]
    train, valid = ((inputs(split), photos.targets(split)) for split in SPLITS[:2])
    if name == "frozen":
        sample = np.linspace(0, len(train[0]) - 1, min(len(train[0]), 128)).astype(np.int64)
        decoder.scale_by(read_batch(train[0], sample))
    elif name == "scratch":
        decoder.scale_by(_run(encoder, read_batch(train[0], range(min(len(train[0]), _BATCH)))))
    what, fewer, rates = _ENCODERS[name]
    history = reconstruction.train_reconstruction(
        network, _groups(photos, parts, rates), train, valid, _settings(photos, config.epochs / fewer),
        what=f"Autoencoder ({what})", keeper=keeper,
    )  # fmt: skip
    tested = inputs("test")

    def rebuild(batch: NDArray[np.int64]) -> Tensor:
        return _run(network, read_batch(tested, batch).to(photos.data.device))

    trained = sum(parameter.numel() for parameter in network.parameters())
    seconds = math.fsum(row["seconds"] for row in history)
    found = measure_reconstruction(photos.targets("test"), rebuild)
    figures = {**found.to_dict(), "recognised": photos.recognised(rebuild)}
    figures |= {"epochs": len(history), "trained": trained, "seconds": seconds}
    state = decoder.state_dict() if name == "frozen" else {}
    kept = {f"decoder.{key}": value for key, value in state.items()}
    return StepResult(figures, {"shown": _to_pixels(rebuild(photos.shown)), **kept}, history)


def _make_decoder(photos: StudyPhotos, start: Mapping[str, Tensor]) -> Decoder:
    """Return a decoder with the weights in ``start``, or with those of the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(photos.config.seed)
        decoder = Decoder(photos.data.backbone.feature_shape, photos.mean)
    if start:
        kept = {name.removeprefix("decoder."): value for name, value in start.items() if name != "shown"}
        decoder.load_state_dict(kept)
    return decoder


def _groups(photos: StudyPhotos, parts: Sequence[nn.Module], rates: Sequence[float]) -> list[dict[str, Any]]:
    """Move modules to the device and return their parameters with their learning rates."""
    peak = photos.config.learning_rate
    pairs = zip(parts, rates, strict=True)
    return [parameter_group(part.to(photos.data.device).parameters(), share * peak) for part, share in pairs]


def _settings(photos: StudyPhotos, epochs: float) -> LoopSettings:
    size, seed = photos.config.batch_size, photos.config.seed
    return LoopSettings(epochs=max(1, round(epochs)), batch_size=size, seed=seed, warm_up=True, keep="last")


def _run(network: nn.Module, inputs: Tensor) -> Tensor:
    with torch.inference_mode():
        return network(inputs).cpu()  # type: ignore[no-any-return]


# Layer by layer.


def probe_layers(photos: StudyPhotos, keeper: Checkpoint) -> StepResult:
    """Train a probe for each layer and measure what each reconstructs of the test photos, at 64 x 64 pixels.

    Args:
        photos: The photos and the backbone.
        keeper: Keeps the training.
    """
    backbone, config = photos.data.backbone.to(photos.data.device), photos.config
    every = layers_of(backbone)
    layers = [every[i] for i in _spread(len(every), min(_LAYERS, len(every)))]
    mean = photos.targets("train", PROBE_SIZE).mean()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        probes = Probes(backbone, layers, mean)
    share = min(1.0, _PROBE_PHOTOS / len(photos.splits["train"]))
    most = max(12, int(sum(map(len, photos.splits.values())) * share))
    few = replace(photos, config=replace(config, photos=most))
    history = reconstruction.train_reconstruction(
        probes, _groups(photos, [probes], [1]), (few.images("train"), few.targets("train", PROBE_SIZE)),
        (photos.images("valid"), photos.targets("valid", PROBE_SIZE)), _settings(photos, _PROBE_EPOCHS),
        what="Probing layers", keeper=keeper,
        loss=lambda found, wanted: _each(reconstruction.reconstruction_loss, found, wanted).sum(),
        metric=lambda found, wanted: _each(reconstruction.summed_psnr, found, wanted).mean(),
    )  # fmt: skip
    targets, images = photos.targets("test", PROBE_SIZE), photos.images("test")

    def rebuild(batch: NDArray[np.int64]) -> Tensor:
        return _run(probes, read_batch(images, batch).to(photos.data.device))

    ratios, baseline = [], []
    for batch in _batches(len(targets)):
        wanted = read_batch(targets, batch)
        ratios.append(_each(psnr_of, rebuild(batch), wanted))
        baseline.append(psnr_of(mean.expand_as(wanted), wanted))
    means = torch.cat(ratios, dim=1).double().mean(dim=1).tolist()
    rows = [
        {"layer": layer.name, "numbers": math.prod(layer.shape), "psnr": psnr}
        for layer, psnr in zip(layers, means, strict=True)
    ]
    seconds = math.fsum(row["seconds"] for row in history)
    mean_psnr = float(torch.cat(baseline).double().mean())
    shown = photos.shown[:_SHOWN_BY_LAYER]
    sheet = torch.stack([_to_pixels(one) for one in (read_batch(targets, shown), *rebuild(shown).unbind(1))])
    return StepResult({"layers": rows, "mean_psnr": mean_psnr, "seconds": seconds}, {"shown": sheet}, history)


def _each(measure: Callable[[Tensor, Tensor], Tensor], found: Tensor, wanted: Tensor) -> Tensor:
    return torch.stack([measure(one, wanted) for one in found.unbind(1)])


# The page.


def _describe(photos: StudyPhotos, results: Mapping[str, StepResult]) -> StudyOutcome:
    encoders = {name: results[name].figures for name in _ENCODERS}
    mean, recognised = results["mean"].figures["mean_photo"], results["mean"].figures["recognised"]
    layers = results["layers"].figures
    table, name = _encoder_table(mean, encoders), photos.data.backbone.name
    text = texts("autoencoder")
    sections = [
        Section("photos", "Reconstructions", text["photos"], [_photo_sheet(photos, results), table]),
        Section("lost", "What the features lose", _lost_text(encoders, layers, recognised)),
        Section("layers", "Layer by layer", text["layers"], _layer_parts(results["layers"])),
    ]
    used = {split: len(indices) for split, indices in photos.splits.items()}
    figures = {"photos": used, "mean_photo": mean, "recognised_in_photos": recognised}
    figures |= {"encoders": encoders, "layers": layers}
    cautions = []
    if sum(used.values()) < len(photos.data.classes):
        cautions.append(("A part of the photos", f"{sum(used.values()):,} photos were used (--photos)."))
    return StudyOutcome(_answer(name, mean, encoders, recognised), figures, sections, table, cautions)


def _answer(name: str, mean: _Figures, encoders: Mapping[str, _Figures], recognised: float) -> str:
    frozen, more = encoders["frozen"], encoders["tuned"]["psnr"] - encoders["longer"]["psnr"]
    gain = f"{frozen['psnr']:.1f} dB (the mean photo: {mean['psnr']:.1f} dB)"
    if frozen["psnr"] - mean["psnr"] < 1:
        return f"A decoder on frozen {name} features is hardly better than the mean photo: PSNR {gain}"
    verdict = "Yes" if frozen["recognised"] >= _RECOGNISABLE * recognised else "In outline only"
    tuning = f"{more:.1f} dB more" if more > _NOTABLE else "no more"
    return (
        f"{verdict}: a decoder on frozen {name} features reconstructs photos at {gain}, with "
        f"{percent(frozen['recognised'], 0)} of the signs recognised ({percent(recognised, 0)} in the "
        f"photos); tuning the encoder gives {tuning}"
    )


def _encoder_table(mean: _Figures, encoders: Mapping[str, _Figures]) -> PageTable:
    rows = [["mean photo", *_quality(mean), "", ""]]
    for name, one in encoders.items():
        epochs = f"{'+' if name in ('longer', 'tuned') else ''}{one['epochs']}"
        rows.append([_ENCODERS[name][0], *_quality(one), percent(one["recognised"], 0), epochs])
    words = "Test photos. The mean training photo is the baseline; epochs with + continue “frozen”."
    columns = ["Encoder", "PSNR", "SSIM", "Signs recognised", "Epochs"]
    return PageTable(words, columns, rows)


def _quality(one: _Figures) -> list[str]:
    return [f"{one['psnr']:.2f} dB", f"{one['ssim']:.3f}"]


def _lost_text(encoders: Mapping[str, _Figures], layers: _Figures, recognised: float) -> list[str]:
    frozen, longer, tuned, scratch = encoders.values()
    more = tuned["psnr"] - longer["psnr"]
    early, late = layers["layers"][0]["psnr"], layers["layers"][-1]["psnr"]
    shown = "so much is missing in frozen features" if more > _NOTABLE else "this does not show a loss"
    return [
        "A weak decoder and features that lost information look alike; two comparisons separate them. With "
        f"the same decoder and as many epochs, tuning the encoder changes PSNR by {more:+.2f} dB: "
        f"{shown}. The same small decoder reaches {early:.1f} dB on the first "
        f"layer and {late:.1f} dB on the last. From scratch, PSNR is {scratch['psnr'] - frozen['psnr']:+.1f} "
        f"dB compared with frozen features. {percent(recognised, 0)} of the signs are recognised in photos, "
        f"{percent(frozen['recognised'], 0)} in reconstructions from frozen features."
    ]


def _photo_sheet(photos: StudyPhotos, results: Mapping[str, StepResult]) -> PageImage:
    rows = [results[name].tensors["shown"].numpy() for name in ("mean", *_ENCODERS)]
    names = ["photo", *(name.replace(", ", ",\n") for name, *_ in _ENCODERS.values())]
    heads = [photos.data.labels[label] for label in photos.test_classes[photos.shown]]
    words = f"Test photos above reconstructions with {len(_ENCODERS)} encoders."
    return PageImage("photos", "Test photos and reconstructions", photo_grid(rows, names, heads), words)


def _layer_parts(result: StepResult) -> list[PageTable | PageImage]:
    layers = result.figures["layers"]
    rows = [[row["layer"], f"{row['psnr']:.2f} dB", f"{row['numbers']:,}"] for row in layers]
    rows.append(["mean photo", f"{result.figures['mean_psnr']:.2f} dB", ""])
    photos = list(result.tensors["shown"].transpose(0, 1).numpy())
    heads = ["photo", *(f"layer {number + 1}" for number in range(len(layers)))]
    sheet = photo_grid(photos, [f"photo {number + 1}" for number in range(len(photos))], heads)
    words = "Test photos beside their reconstructions from each layer."
    image = PageImage("layers-photos", "Test photos, reconstructed from each layer", sheet, words)
    table = PageTable("Reconstruction at 64 x 64 pixels.", ["Layer", "PSNR", "Numbers per photo"], rows)
    return [image, table]

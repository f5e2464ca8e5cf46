"""What the study of autoencoders says: the sentence, tables, plots and pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from handshape.evaluation.report.plots import INK, PLOT_WIDTH, RIGHT, STYLE, WRONG, new_figure
from handshape.studies.feature_space import STEPS
from handshape.studies.grid import photo_grid
from handshape.studies.layer_probes import PHOTOS
from handshape.studies.page import Outcome, Part, Picture, Plot, Section, Table
from handshape.studies.steps import Result, Row
from handshape.studies.ways_back import Bench

_NAMES = {
    "frozen": "frozen encoder",
    "longer": "frozen, longer",
    "tuned": "tuned encoder",
    "scratch": "encoder from scratch",
}
_LINES = {
    "frozen": (RIGHT, "-", "o"),
    "longer": (RIGHT, ":", "o"),
    "tuned": (WRONG, "-", "s"),
    "scratch": (INK, "--", "^"),
}
# Ways that begin with the decoder of the frozen way.
_MORE = ("longer", "tuned")
# Photos came back well if so large a share of the signs that can be read in photos can be read still.
_READABLE = 0.8
# A smaller gain is none, dB.
_NOTABLE = 0.1


@dataclass(frozen=True)
class Found:
    """Results of the steps.

    Args:
        mean: The mean photo in the place of every test photo.
        ways: The three ways back, by name.
        layers: What each layer gives back.
        space: Moving about in feature space.
    """

    mean: Result
    ways: Mapping[str, Result]
    layers: Result
    space: Result


def describe_outcome(bench: Bench, found: Found) -> Outcome:
    """Put the steps' figures into a sentence and a page.

    Args:
        bench: The photos and the backbone.
        found: Results of the steps.

    Returns:
        The outcome.
    """
    figures = {
        "photos": {side: len(indices) for side, indices in bench.sides.items()},
        "mean_photo": found.mean.figures,
        "ways": {name: way.figures for name, way in found.ways.items()},
        "gain_over_mean_photo": _gain(found),
        "layers": found.layers.figures,
        "space": found.space.figures,
    }
    table = _ways_table(found)
    places = (0, 1, 3, 4, 5)  # what a terminal has room for
    summary = replace(
        table,
        columns=[table.columns[i] for i in places],
        rows=[[row[i] for i in places] for row in table.rows],
    )
    sections = [
        Section(
            "ways", "What came back", _ways_text(bench, found), [_grid(bench, found), table, _curves(found)]
        ),
        Section("lost", "What a classifier's features throw away", _lost_text(found)),
        Section("layers", "Layer by layer", _layers_text(found), _layers_parts(bench, found)),
        Section("space", "Between photos, and where no photo is", _space_text(found), _space_parts(found)),
    ]
    return Outcome(_answer(bench, found), figures, sections, summary, _cautions(bench))


def _gain(found: Found) -> float:
    return float(found.ways["frozen"].figures["psnr"] - found.mean.figures["psnr"])


def _answer(bench: Bench, found: Found) -> str:
    frozen, longer, tuned = (found.ways[name].figures for name in ("frozen", "longer", "tuned"))
    gain, more = _gain(found), tuned["psnr"] - longer["psnr"]
    name = bench.material.backbone.name
    if gain < 1:
        return (
            f"A decoder on frozen {name} features gave photos back hardly better than their mean: "
            f"{frozen['psnr']:.1f} dB against {found.mean.figures['psnr']:.1f} dB"
        )
    kept, read = found.mean.figures["read"], frozen["read"]
    tuning = (
        f"letting the encoder learn as well gave {more:.1f} dB more"
        if more > _NOTABLE
        else "letting the encoder learn as well gave no more"
    )
    verdict = "Yes" if read >= _READABLE * kept else "In outline only"
    return (
        f"{verdict}: frozen {name} features gave photos back at {frozen['psnr']:.1f} dB, "
        f"{gain:.1f} dB above the mean photo, with {_share(frozen['detail'])} of the fine detail and "
        f"{_share(read)} of the signs still read ({_share(kept)} in the photos); {tuning}"
    )


def _ways_table(found: Found) -> Table:
    columns = ["Encoder", "PSNR", "a tenth under / over", "SSIM", "Fine detail", "Signs still read", "Passes",
               "FitResult", "Training"]  # fmt: skip
    rows = [["mean photo", *_quality(found.mean.figures, read="")[:-1], "", "", "", ""]]
    for name, way in found.ways.items():
        figures = way.figures
        passes = f"{'+' if name in _MORE else ''}{figures['passes']}"
        seconds = figures["seconds"]
        took = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
        rows.append([_NAMES[name], *_quality(figures), passes, f"{figures['trained']:,}", took])
    words = "Test photos against what came back. The mean photo is what knowing nothing of a photo is worth."
    return Table(words, columns, rows)


def _quality(figures: Mapping[str, Any], read: str | None = None) -> list[str]:
    return [
        f"{figures['psnr']:.2f} dB",
        f"{figures['psnr_low']:.1f} / {figures['psnr_high']:.1f} dB",
        f"{figures['ssim']:.3f}",
        _share(figures["detail"]),
        _share(figures["read"]) if read is None else read,
    ]


def _ways_text(bench: Bench, found: Found) -> list[str]:
    shape = " x ".join(map(str, bench.material.backbone.feature_shape))
    read = found.mean.figures["read"]
    return [
        f"A decoder of {found.ways['frozen'].figures['trained']:,} numbers learned to turn features of "
        f"{shape} into photos of 3 x {bench.size} x {bench.size}: bilinear enlarging and 3 x 3 "
        "convolutions, so that there is no checkerboard, added to the mean training photo, and trained on "
        "the absolute error and structural similarity. First alone, on stored features of the frozen "
        "network; then for more passes, once still alone and once with the encoder allowed to move; and "
        "beside it the same encoder and decoder from random weights.",
        "PSNR counts squared error (3 dB are half of it); SSIM compares structure; fine detail is what an "
        "average over 8 pixels does not show and the mean photo does not have, and how much of it came "
        "back. Signs still read: what discriminant analysis on the frozen features reads right when it is "
        f"shown what came back; shown the photos themselves it reads {_share(read)}.",
        "A pass of the frozen way reads stored features; a pass of the others runs the encoder forth and "
        "back and takes several times as long, so they get fewer. “From scratch” would go on improving.",
    ]


def _lost_text(found: Found) -> list[str]:
    frozen, longer, tuned, scratch = (way.figures for way in found.ways.values())
    more, finer = tuned["psnr"] - longer["psnr"], tuned["detail"] - longer["detail"]
    layers = found.layers.figures["layers"]
    early, late = layers[0], layers[-1]
    missing = (
        "that much at least was in the photos, passes through a code of this size, and is missing in the "
        "frozen features"
        if more > _NOTABLE
        else "nothing can be shown to be missing in the frozen features that such a decoder could have used"
    )
    text = [
        "What the decoder cannot do and what the features no longer hold look alike in one figure. Two "
        "comparisons tell them apart. With the same decoder and as many passes more, a tuned encoder gives "
        f"{more:+.2f} dB and {100 * finer:+.1f} points of fine detail beside the frozen one: {missing}.",
        f"And the same small decoder gets {early['psnr']:.1f} dB from the first layer and "
        f"{late['psnr']:.1f} dB from the last: {early['psnr'] - late['psnr']:.1f} dB are lost on the way "
        "through the network.",
    ]
    kept = found.mean.figures["read"]
    text.append(
        f"What is thrown away is not what signs are read by: {_share(frozen['read'])} of what came back "
        f"from frozen features are read right, {_share(kept)} of the photos. A classifier keeps what tells "
        f"its classes apart and need not keep the rest; {_share(1 - frozen['detail'])} of the fine detail "
        "did not come back."
        if frozen["read"] > kept - 0.1
        else f"Of what came back from frozen features only {_share(frozen['read'])} are read right, against "
        f"{_share(kept)} of the photos: something that signs are read by is missing, too, or what came back "
        "looks unlike a photo to the network."
    )
    if scratch["psnr"] < frozen["psnr"]:
        text.append(
            f"An encoder from scratch came {frozen['psnr'] - scratch['psnr']:.1f} dB short of the frozen "
            f"one, in {scratch['passes']} passes and "
            f"{scratch['seconds'] / max(frozen['seconds'], 1e-9):.1f} times the time."
        )
    else:
        text.append(
            "An encoder from scratch, trained for nothing but this, came "
            f"{scratch['psnr'] - frozen['psnr']:.1f} dB above the frozen one: features made for telling "
            "classes apart are not the best for giving photos back."
        )
    return text


def _layers_text(found: Found) -> list[str]:
    return [
        "Each layer got the same small decoder (channels mixed, brought to 64 x 64 pixels, two "
        f"convolutions), trained on up to {PHOTOS} photos at 64 x 64. That is a lower bound: a larger "
        "decoder would get more out of the last layers, whose maps are coarse. Differences between "
        "neighbours of the same size are the surest.",
        f"The mean photo reaches {found.layers.figures['mean_psnr']:.1f} dB at this size.",
    ]


def _layers_parts(bench: Bench, found: Found) -> list[Part]:
    layers = found.layers.figures["layers"]
    image = 3 * bench.size**2
    rows = [
        [row["layer"], f"{row['psnr']:.2f} dB", f"{row['numbers']:,}", _share(row["numbers"] / image)]
        for row in layers
    ]
    shown = found.layers.tensors
    pictures = [shown["originals"].numpy(), *(one.numpy() for one in shown["shown"])]
    columns = [[row[i] for row in pictures] for i in range(len(pictures[0]))]
    names = [f"photo {i + 1}" for i in range(len(columns))]
    heads = ["photo", *(f"layer {i + 1}" for i in range(len(layers)))]
    sheet = photo_grid([np.stack(column) for column in columns], names, heads)
    words = (
        f"PSNR from {layers[0]['psnr']:.1f} dB in the first layer to {layers[-1]['psnr']:.1f} dB in the last."
    )
    return [
        Plot("layers", "What each layer gives back, at 64 x 64 pixels", _layer_line(found), words),
        Picture("layers-photos", "The same test photos from layer after layer", sheet, words),
        Table(
            "What each layer gives back, and how many numbers it holds of a photo.",
            ["Layer", "PSNR at 64 x 64", "Numbers", "Of the photo's"],
            rows,
        ),
    ]


def _space_text(found: Found) -> list[str]:
    figures = found.space.figures
    size, short = figures["dimensions"], figures["shortened"]
    fewer = size["code"] < size["image"]
    text = [
        f"An autoencoder is also asked to make photos smaller. The code has {size['code']:,} numbers where "
        f"the photo has {size['image']:,} ({_share(size['code'] / size['image'])}); in float16, "
        f"{size['code_bytes']:,} bytes against {size['image_bytes']:,} of the photo without compression. "
        + (
            "That is fewer, but"
            if fewer and size["code_bytes"] < size["image_bytes"]
            else "So it does not, and"
        )
        + " most of the numbers depend on each other: projected on the directions in which the "
        "training codes differ most, "
        + ", ".join(f"{width} numbers give {row['psnr']:.1f} dB" for width, row in short.items())
        + ".",
        f"The walk goes in equal steps from the features of a photo of {figures['walk'][0]} to those of one "
        f"of {figures['walk'][1]}. If what is half-way looks like two faded hands on top of each other, as "
        "in the row below it, the features are a picture of places; if it looks like one hand, they are "
        "more than that.",
        f"The samples are drawn from a Gaussian over the {figures['sampled_directions']} directions in "
        "which training codes differ most, and decoded. A sample's nearest training photo lies at "
        f"{figures['samples_nearest_psnr']:.1f} dB. Nobody was photographed for them, and no sign should be "
        "learned from them.",
    ]
    return text


def _space_parts(found: Found) -> list[Part]:
    tensors, figures = found.space.tensors, found.space.figures
    first, second = figures["walk"]
    heads = [first, *[""] * (STEPS - 2), second]
    walk = photo_grid(
        [tensors["walk"].numpy(), tensors["faded"].numpy()], ["features", "pixels, faded"], heads
    )
    rows = tensors["samples"].numpy()
    half = len(rows) // 2
    samples = photo_grid([rows[:half], rows[half:]], ["samples", "samples"])
    short = figures["shortened"]
    table = Table(
        "Test photos from shortened codes.",
        ["Numbers", "PSNR", "SSIM", "Fine detail"],
        [[w, f"{r['psnr']:.2f} dB", f"{r['ssim']:.3f}", _share(r["detail"])] for w, r in short.items()],
    )
    return [
        table,
        Picture(
            "walk", "From one sign to another", walk, f"A walk in feature space from {first} to {second}."
        ),
        Picture("samples", "Drawn from a Gaussian in feature space", samples, "Sixteen decoded samples."),
    ]


def _grid(bench: Bench, found: Found) -> Picture:
    rows = [
        found.mean.tensors["shown"].numpy(),
        *(way.tensors["shown"].numpy() for way in found.ways.values()),
    ]
    classes = bench.material.classes[bench.sides["test"]][bench.shown]
    heads = [bench.material.labels[label] for label in classes]
    names = [
        "photo",
        *(
            name.replace(" encoder", "\nencoder").replace("encoder from", "encoder\nfrom")
            for name in _NAMES.values()
        ),
    ]
    sheet = photo_grid(rows, names, heads)
    return Picture(
        "photos", "Test photos, and what came back", sheet, "Test photos above three reconstructions."
    )


def _curves(found: Found) -> Plot:
    with matplotlib.rc_context(STYLE):
        figure = new_figure(PLOT_WIDTH, 2.8)
        axes = figure.subplots()
        for name, way in found.ways.items():
            colour, line, mark = _LINES[name]
            values = [row["valid_psnr"] for row in way.history]
            first = found.ways["frozen"].figures["passes"] if name in _MORE else 0
            at = [first + row["epoch"] for row in way.history]
            axes.plot(at, values, color=colour, ls=line, marker=mark, ms=4, lw=1.6, label=_NAMES[name])
        axes.set_xlabel("pass over the training photos")
        axes.set_ylabel("PSNR on valid (dB)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y")
        figure.legend(loc="outside lower center", ncols=1)
    return Plot("learning", "How it learned", figure, "PSNR on valid photos by pass, for three encoders.")


def _layer_line(found: Found) -> Figure:
    rows: Sequence[Row] = found.layers.figures["layers"]
    with matplotlib.rc_context(STYLE):
        figure = new_figure(PLOT_WIDTH, 2.6)
        axes = figure.subplots()
        at = range(1, len(rows) + 1)
        axes.plot(at, [row["psnr"] for row in rows], color=RIGHT, marker="o", ms=4, lw=1.6)
        axes.axhline(found.layers.figures["mean_psnr"], color=INK, ls=":", lw=1)
        axes.annotate(
            "mean photo", (len(rows), found.layers.figures["mean_psnr"]), ha="right", va="bottom", fontsize=9
        )
        axes.set_xlabel("layer")
        axes.set_ylabel("PSNR (dB)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y")
    return figure


def _cautions(bench: Bench) -> list[tuple[str, str]]:
    cautions = []
    if bench.material.survey.split.kind == "random":
        cautions.append(
            (
                "The same room and people",
                "Training and test photos were taken alike, so the mean photo and the decoder know the "
                "room; of other rooms less would come back.",
            )
        )
    used = sum(map(len, bench.sides.values()))
    if used < len(bench.material.classes):
        cautions.append(("A part of the photos", f"{used:,} photos were used; --photos takes more."))
    return cautions


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"

"""What the study of tuning says: when it pays on these photos, and when the figures do not show that."""

from collections.abc import Mapping
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from handshape.evaluation.json_result import to_json_types
from handshape.evaluation.report.plots import INK, PLOT_WIDTH, RIGHT, STYLE, WRONG, new_figure
from handshape.studies.material import Material
from handshape.studies.page import Outcome, Plot, Section, Table

Figures = Mapping[str, Any]
_NAMES = {"frozen": "frozen", "last": "last block tuned", "all": "all tuned", "scratch": "from scratch"}
_LINES = {
    "frozen": (RIGHT, "-", "o"),
    "last": (INK, "--", "s"),
    "all": (WRONG, "-", "^"),
    "scratch": (INK, ":", "x"),
}
_TUNED = ("last", "all")


def describe_outcome(material: Material, found: Mapping[int, Mapping[str, Figures]]) -> Outcome:
    """Put the figures into a sentence and a page.

    Args:
        material: The photos and the backbone.
        found: Figures by photos of each label and by way.

    Returns:
        The outcome.
    """
    largest = max(found)
    table = _accuracies(found)
    curve = Plot("accuracy-by-photos", "Test photos read right, by training photos of each label",
                 _curve(found), _words(found))  # fmt: skip
    sections = [
        Section("gain", "What is gained", _gain_text(found), [curve, table, _differences(found)]),
        Section("cost", "What is paid", _cost_text(), [_costs(found[largest], largest)]),
        Section("drift", "How far features moved", _drift_text(), [_drifts(found[largest])]),
        Section("how", "How it was done", _how(material)),
    ]
    cautions = []
    if material.survey.split.kind == "random":
        cautions.append(("Random split", "The same people are on both sides: this says nothing of new ones."))
    figures = to_json_types({"sizes": {str(count): ways for count, ways in found.items()}})
    return Outcome(answer(found), figures, sections, table, cautions)


def answer(found: Mapping[int, Mapping[str, Figures]]) -> str:
    """Say when tuning pays, as far as paired intervals show it.

    Args:
        found: Figures by photos of each label and by way.
    """
    gains = [(count, way, found[count][way]["against_frozen"]) for count in sorted(found) for way in _TUNED]
    better = [gain for gain in gains if gain[2]["low"] > 0]
    worse = [gain for gain in gains if gain[2]["high"] < 0]
    if better:
        count, way, gain = better[0]
        sizes = len({count for count, _, _ in better})
        return (
            f"Tuning paid here from {_each(count)} on, at {sizes} of {len(found)} sizes: with "
            f"{_NAMES[way]}, {_points(gain)} against the frozen network"
        )
    count, way, gain = max(gains, key=lambda one: one[2]["difference"])
    if worse and gain["difference"] <= 0:
        sizes = len({count for count, _, _ in worse})
        return f"Tuning did not pay here and cost accuracy at {sizes} of {len(found)} sizes"
    if gain["difference"] <= 0:
        return (
            "Tuning did not pay here: at no size did it read more test photos right than the frozen network"
        )
    return (
        f"These photos do not show that tuning pays: the largest gain was {_points(gain)}, "
        f"{_NAMES[way]} with {_each(count)}, which could be luck"
    )


def _accuracies(found: Mapping[int, Mapping[str, Figures]]) -> Table:
    rows = [
        [str(count), *(f"{_percent(ways[way]['test_accuracy'])} ({_interval(ways[way])})" for way in _NAMES)]
        for count, ways in found.items()
    ]
    words = "Test photos read right (95 % interval), by training photos of each label."
    return Table(words, ["Photos of each label", *(_NAMES[way] for way in _NAMES)], rows)


def _differences(found: Mapping[int, Mapping[str, Figures]]) -> Table:
    rows = [
        [str(count), *(_points(ways[way]["against_frozen"]) for way in (*_TUNED, "scratch"))]
        for count, ways in found.items()
    ]
    words = "Difference from the frozen network on the same test photos (95 % interval), in points."
    return Table(words, ["Photos of each label", *(_NAMES[way] for way in (*_TUNED, "scratch"))], rows)


def _costs(ways: Mapping[str, Figures], count: int) -> Table:
    rows = [
        [
            _NAMES[way],
            f"{figures['seconds']:.1f} s",
            "not known" if figures["peak_megabytes"] is None else f"{figures['peak_megabytes']:,.0f} MB",
            f"{figures['trained']:,}",
        ]
        for way, figures in ways.items()
    ]
    words = f"With {_each(count)}, {next(iter(ways.values()))['photos']:,} training photos in all."
    return Table(words, ["Way", "Time", "Most memory", "Parameters trained"], rows)


def _drifts(ways: Mapping[str, Figures]) -> Table:
    rows = [
        [layer, *(f"{ways[way]['drift'][layer]:.3f}" for way in _TUNED)] for layer in ways["last"]["drift"]
    ]
    words = "Linear CKA between features of the pretrained and of the tuned network: 1 is no drift."
    return Table(words, ["Layer", *(_NAMES[way] for way in _TUNED)], rows)


def _curve(found: Mapping[int, Mapping[str, Figures]]) -> Figure:
    with matplotlib.rc_context(STYLE):
        figure = new_figure(PLOT_WIDTH + 0.4, 3.6)
        axes = figure.subplots()
        at = range(len(found))
        for place, (way, (colour, line, mark)) in enumerate(_LINES.items()):
            values = [100 * ways[way]["test_accuracy"] for ways in found.values()]
            ends = [[100 * end for end in ways[way]["test_interval"]] for ways in found.values()]
            aside = 0.06 * (place - 1.5)  # so that no interval hides another
            below = [value - low for value, (low, _) in zip(values, ends, strict=True)]
            above = [high - value for value, (_, high) in zip(values, ends, strict=True)]
            axes.errorbar([x + aside for x in at], values, yerr=[below, above], color=colour, ls=line,
                          marker=mark, ms=4, lw=1.5, elinewidth=0.8, label=_NAMES[way])  # fmt: skip
        axes.set_xticks(at, [str(count) for count in found])
        axes.set_xlabel("training photos of each label")
        axes.set_ylabel("read right (%)")
        axes.set_ylim(0, 103)
        axes.grid(axis="y")
        figure.legend(loc="outside lower center", ncols=2)
        return figure


def _words(found: Mapping[int, Mapping[str, Figures]]) -> str:
    largest = max(found)
    each = ", ".join(
        f"{_NAMES[way]} {_percent(figures['test_accuracy'])}" for way, figures in found[largest].items()
    )
    return f"Accuracy by training photos of each label, 95 % intervals; with {largest}: {each}."


def _gain_text(found: Mapping[int, Mapping[str, Figures]]) -> list[str]:
    count = len(found) * len(_TUNED)
    return [
        "All ways learned from the same photos and were judged on the same test photos, so that their "
        "differences are known better than their accuracies.",
        f"There are {count} comparisons. Of such, about one in twenty would seem to be more than luck even "
        "if tuning changed nothing.",
    ]


def _cost_text() -> list[str]:
    return [
        "The frozen network's time is that of its head, where features were in the store; the last block's "
        "includes reading the photos and three views of each with the blocks that stay. Most memory is that "
        "of the whole program while it worked, what libraries hold included."
    ]


def _drift_text() -> list[str]:
    return [
        "Where the frozen start read valid best it was kept, and nothing drifted. Low values in early layers "
        "mean that tuning changed what the network sees, high ones up to the last layers that it changed "
        "what it makes of it."
    ]


def _how(material: Material) -> list[str]:
    return [
        f"Tuning began with the head trained on frozen features of {material.backbone.name} and kept the "
        "epoch that read the valid photos best; the frozen start counts as one. By no way were valid photos "
        "learned from: all chose by the same ones, however few the training photos were, and someone with "
        "few photos has fewer to choose by. From scratch is the same network from first weights, by the same "
        "procedure and for as many passes; it would need many more."
    ]


def _each(count: int) -> str:
    return f"{count} photo{'s' if count > 1 else ''} of each label"


def _points(gain: Figures) -> str:
    low, high = 100 * gain["low"], 100 * gain["high"]
    return f"{100 * gain['difference']:+.1f} points ({low:+.1f} to {high:+.1f})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _interval(figures: Figures) -> str:
    low, high = figures["test_interval"]
    return f"{100 * low:.1f} to {100 * high:.1f}"

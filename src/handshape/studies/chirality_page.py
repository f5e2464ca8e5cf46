"""What the study of mirror images says: the sentence, the tables, the plot, and what to keep in mind."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from handshape.evaluation.json_result import to_json_types
from handshape.evaluation.report.plots import INK, PLOT_WIDTH, RIGHT, STYLE, WRONG, new_figure
from handshape.studies.material import Material
from handshape.studies.mirror_similarity import KINDS
from handshape.studies.page import Outcome, Part, Plot, Section, Table

_NAMES = {
    "border": "border only",
    "thumbnail": "8 x 8 pixels",
    "frozen-1x1": "frozen, 1 x 1",
    "frozen-4x4": "frozen, 4 x 4",
    "finetuned": "fine-tuned",
    "cnn": "CNN",
}
_KINDS = {
    "shifted": "shifted by 5 %",
    "mirrored": "mirrored",
    "turned back": "mirrored, map turned back",
    "same label": "other photo, same label",
    "other label": "other label",
}
_LINES = {
    "shifted": (INK, ":", "s"),
    "mirrored": (WRONG, "-", "o"),
    "turned back": (WRONG, "--", None),
    "same label": (RIGHT, "-", "^"),
    "other label": (RIGHT, "--", None),
}
# Above this, accuracies from the border or from 8 x 8 pixels are as good as those of features.
_NEAR = 0.03

Figures = Mapping[str, Any]


def describe_outcome(
    material: Material,
    models: Mapping[str, Figures],
    layers: Sequence[Figures],
    controls: Mapping[str, Figures],
) -> Outcome:
    """Put the steps' figures into a sentence and a page.

    Args:
        material: The photos and the backbone.
        models: Figures of each model, of the form that `figures_on_split` gives, with ``folds`` where signers
            were left out.
        layers: Similarities, by layer and places.
        controls: Figures of the drawn controls.

    Returns:
        The outcome.
    """
    figures = to_json_types({"models": models, "similarity": layers, "controls": controls, "chance": 0.5})
    summary = _models_table(models)
    sections = [
        Section("models", "Who can tell a photo from its mirror image", _models_text(models), [summary]),
        Section(
            "why", "Why: how alike a photo and its mirror image are", _why_text(layers), _why_parts(layers)
        ),
        Section("control", "Where the answer is known", _control_text(controls), [_control_table(controls)]),
        Section("limits", "What mirror images are not", _limits(material)),
    ]
    return Outcome(_answer(material, models, layers), figures, sections, summary, _cautions(material, models))


def headline(model: Figures) -> tuple[float, float, float]:
    """Return accuracy and interval: the mean over left-out signers where there is one, else that on test."""
    if "folds" in model:
        return model["folds"]["mean"], model["folds"]["interval"]["low"], model["folds"]["interval"]["high"]
    return model["test_accuracy"], *model["test_interval"]


def _answer(material: Material, models: Mapping[str, Figures], layers: Sequence[Figures]) -> str:
    accuracy, low, _ = headline(models["frozen-4x4"])
    pooled = headline(models["frozen-1x1"])[0]
    name = material.backbone.name
    tells = f"Frozen {name} features told {_percent(accuracy)} of photos from their mirror images"
    without = f"{_percent(pooled)} where places were averaged out"
    if low <= 0.5:
        return f"{tells} and {without}: no better than the 50 % of guessing, as far as these photos show"
    last = _last(layers, 1)
    if last["same label"] is None or last["mirrored"] <= last["same label"]:
        return f"{tells} (guessing: 50 %), and {without}"
    return (
        f"{tells} (guessing: 50 %), and {without}: without places, a photo is nearer to its mirror image "
        f"(similarity {_number(last['mirrored'])}) than to another photo of its label "
        f"({_number(last['same label'])})"
    )


def _models_table(models: Mapping[str, Figures]) -> Table:
    folded = any("folds" in model for model in models.values())
    columns = [
        "Reads",
        "Test",
        "95 % interval",
        *(["Signers left out, mean", "95 % interval"] if folded else []),
    ]
    rows = []
    for name, model in models.items():
        row = [_NAMES[name], _percent(model["test_accuracy"]), _interval(*model["test_interval"])]
        if folded:
            found = model.get("folds")
            row += [_percent(headline(model)[0]), _interval(*headline(model)[1:])] if found else ["", ""]
        rows.append(row)
    return Table("Share of photos and mirror images told right; guessing gives 50 %.", columns, rows)


def _models_text(models: Mapping[str, Figures]) -> list[str]:
    text = [
        "Every photo and its mirror image were two examples, of the classes “as taken” and “mirrored”, and "
        "always on the same side of the split. A head on frozen features (discriminant analysis) and "
        "networks trained on the pictures had to tell them."
    ]
    where, what = headline(models["frozen-4x4"])[0], headline(models["frozen-1x1"])[0]
    gain = where - what
    text.append(
        "Averaged to one place, features say what is in the picture and not where; with 4 x 4 places they "
        f"say roughly where, too. That was worth {100 * gain:+.1f} points here."
    )
    text.append(
        "The first two rows see no fingers: only the outermost 1/28 of the picture, and the picture at 8 x "
        "8 pixels. What they tell right they tell by where the hand and arm lie, by the coarse outline, by "
        "light and by frames."
    )
    return text


def _why_text(layers: Sequence[Figures]) -> list[str]:
    last, pooled = _last(layers, 4), _last(layers, 1)
    text = [
        "The similarity is the cosine of two feature vectors, after what all photos have in common was "
        "taken off: 1 is the same, 0 is unrelated. A network that sees left and right alike would give "
        "“mirrored, map turned back” a 1 in every layer; the map of features would then be mirrored with "
        "the photo, and averaging it to one place would leave nothing to tell the two by.",
        f"In the last layer, a photo and its mirror image reach {_number(pooled['mirrored'])} averaged to "
        f"one place and {_number(last['mirrored'])} at 4 x 4 places; another photo of the same label "
        f"{_number(pooled['same label'])} and {_number(last['same label'])}; the photo shifted by 5 % "
        f"{_number(pooled['shifted'])} and {_number(last['shifted'])}.",
    ]
    return text


def _why_parts(layers: Sequence[Figures]) -> list[Part]:
    parts: list[Part] = []
    for places, where in (
        (1, "averaged to one place: what is seen"),
        (4, "4 x 4 places: what is seen, and where"),
    ):
        found = [layer for layer in layers if layer["places"] == places]
        words = f"Similarity of a photo's features with those of others in {len(found)} layers, {where}."
        parts.append(
            Plot(f"similarity-{places}x{places}", where[0].upper() + where[1:], _lines(found), words)
        )
    for places in (1, 4):
        rows = [
            [layer["layer"], *(_number(layer["means"][kind]) for kind in KINDS)]
            for layer in layers
            if layer["places"] == places
        ]
        words = f"Mean similarity at {places} x {places} places, from the pixels to the last layer."
        parts.append(Table(words, ["Layer", *(_KINDS[kind] for kind in KINDS)], rows))
    return parts


def _lines(layers: Sequence[Figures]) -> Figure:
    with matplotlib.rc_context(STYLE):
        figure = new_figure(PLOT_WIDTH + 0.6, 3.6)
        axes = figure.subplots()
        at = range(len(layers))
        for kind in KINDS:
            colour, line, mark = _LINES[kind]
            values = [layer["means"][kind] for layer in layers]
            axes.plot(at, [float("nan") if v is None else v for v in values], color=colour, ls=line,
                      marker=mark, ms=3.5, lw=1.5, label=_KINDS[kind])  # fmt: skip
        axes.set_xticks(at, ["pixels", *(str(i) for i in at if i)])
        axes.set_xlabel("layer")
        axes.set_ylabel("similarity")
        axes.set_ylim(min(-0.25, *axes.get_ylim()), 1.03)
        axes.grid(axis="y")
        figure.legend(loc="outside lower center", ncols=2)
        return figure


def _control_text(controls: Mapping[str, Figures]) -> list[str]:
    hands = controls["hands"]["really_left"]
    return [
        "The same heads on drawn pictures. An arrow that points to the right can be told from its mirror "
        "image; an arrow with two heads cannot, whoever looks: there, anything but 50 % would be a leak of "
        "this study.",
        "Drawn right hands are lit from left and right alike, so that only the hand is left to tell by. "
        "Hands that were drawn as left hands, and never mirrored, were called mirror images "
        f"{_percent(hands['1'])} of the time with one place and {_percent(hands['4'])} with 4 x 4: what is "
        "learned of mirror images "
        + ("holds" if hands["4"] > 0.75 else "holds only in part")
        + " for left hands.",
    ]


def _control_table(controls: Mapping[str, Figures]) -> Table:
    names = {"arrow": "arrows", "two-headed": "two-headed arrows", "hands": "drawn right hands"}
    rows = [
        [
            names[name],
            _percent(found["known"]),
            *(
                f"{_percent(found['accuracies'][places])} ({_interval(*found['intervals'][places])})"
                for places in ("1", "4")
            ),
        ]
        for name, found in controls.items()
    ]
    columns = ["Drawn", "Known answer", "Frozen, 1 x 1 (95 %)", "Frozen, 4 x 4 (95 %)"]
    return Table("Share of drawn pictures and their mirror images told right.", columns, rows)


def _limits(material: Material) -> list[str]:
    return [
        "A mirror image is an artificial left hand. If all signers sign with the same hand, nothing here "
        "says how people who sign with the other are read: they are not mirror images of others, and "
        "nobody's way of signing is the wrong way round.",
        "Mirroring turns the whole picture. Where light mostly comes from one side, where hands lie mostly "
        "on one side, where an arm, a wall or a watermark always enters on the same side, the picture can "
        "be told without the hand's shape; “border only” and “8 x 8 pixels” show how far that goes. JPEG "
        "blocks are no cue where the width is a multiple of 16 pixels; in other photos the last blocks are "
        "narrower, on one side.",
        f"Pictures were mirrored after they were brought to {material.backbone.preprocessing.size} pixels, "
        "so that both went through the same decoding and resizing.",
    ]


def _cautions(material: Material, models: Mapping[str, Figures]) -> list[tuple[str, str]]:
    cautions = []
    reached = headline(models["frozen-4x4"])[0]
    for name, what in (("border", "From the border alone"), ("thumbnail", "From 8 x 8 pixels")):
        accuracy, low, _ = headline(models[name])
        if low > 0.5:
            much = "all" if accuracy > reached - _NEAR else "some"
            told = f"{what}, {_percent(accuracy)} are told right"
            text = f"{told}: outline, light, place or frame give {much} of it away."
            cautions.append(("It takes no fingers", text))
    if material.survey.split.kind == "random":
        text = "The same people are on both sides: a new person may be told less well."
        cautions.append(("Random split", text))
    return cautions


def _last(layers: Sequence[Figures], places: int) -> Figures:
    means: Figures = [layer for layer in layers if layer["places"] == places][-1]["means"]
    return means


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _interval(low: float, high: float) -> str:
    return f"{100 * low:.1f} to {100 * high:.1f} %"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"

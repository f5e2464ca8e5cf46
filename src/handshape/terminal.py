"""Print the results of commands in a terminal."""

import csv
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from handshape.config.backbones import BackbonesConfig
from handshape.config.cache import CacheClearConfig, CacheInfoConfig
from handshape.config.doctor import DoctorConfig
from handshape.config.draw import DemoConfig, DrawConfig
from handshape.config.export import ExportConfig
from handshape.config.push import PushConfig
from handshape.config.serve import ServeConfig
from handshape.config.study import StudyConfig
from handshape.config.train import CompareConfig, TrainConfig
from handshape.config.use import AddConfig, EvaluateConfig, FeaturesConfig, InspectConfig, PredictConfig
from handshape.progress import printable, say
from handshape.run import safe_cell

# Where weights are, in words, if not in a file of the user's.
_WHERE = {"in the package": "in the package", "downloaded": "downloaded"}
# Files of one kind that are listed.
_LISTED = 10


def show_compare(config: CompareConfig | TrainConfig | DemoConfig, metrics: dict[str, Any]) -> None:
    """Print the table of the models, the headline, and which model was saved and why."""
    split = metrics["split"]
    counts = f"{split['train']:,} training, {split['valid']:,} validation and {split['test']:,} test photos"
    heads = ("model", "validation", "test", "95 %\ninterval", "features", "training", "trained\nweights")
    rows = [
        (
            name,
            _percent(model["valid_accuracy"]),
            _percent(model["test_accuracy"]),
            "–".join(f"{100 * end:.1f}" for end in model["test_interval"]),
            f"{model['seconds']['features']:.1f} s",
            f"{model['seconds']['train']:.1f} s",
            f"{model['parameters']['trained'] / 1e6:.2f} M",
        )
        for name, model in metrics["models"].items()
    ]
    _print_table(heads, rows, f"Split: {split['kind']} ({counts})")
    for name, figures in metrics.get("folds", {}).items():
        _write(f"{name}, mean over each {figures.get('kind', 'signer')} left out: {_folds(figures)}")
    share = metrics["leaks"]["near_duplicates_across_splits"]
    if share:
        _write(f"{_percent(share)} of the test photos have a near-copy in training.")
    plain = metrics["leaks"].get("without_grouping")
    if plain is not None:
        share = _percent(plain["near_duplicates_across_splits"])
        accuracies = (f"{name} {_percent(model['test_accuracy'])}" for name, model in plain["models"].items())
        _write(f"Near-copies were kept together. With an ordinary random split, {share} of the test photos")
        _write(f"would have a near-copy in training, and the table would show {', '.join(accuracies)}.")
    if len(metrics["models"]) > 1:
        _write(f"Saved: {metrics['best']}. {metrics['best_because']}")
    suspects = metrics.get("suspect_labels")
    if suspects and suspects["photos"]:
        _write(f"{len(suspects['photos']):,} of {suspects['checked']:,} labels may be wrong; see the report.")
    _write(f"{metrics['answer']}.")
    _show_next(metrics)


show_train = show_compare


def show_add(config: AddConfig, found: dict[str, Any]) -> None:
    """Print which signs were added, and the accuracy on each person left out."""
    new, again = found["added"], [label for label in found["taught"] if label not in found["added"]]
    _write(
        f"Added to {found['base_labels']} labels, with {found['photos']:,} photos: {', '.join(new) or 'none'}"
    )
    if again:
        _write(f"Added to signs that it knew: {', '.join(again)}")
    rows = [
        (name, str(figures["n"]), _percent(figures["accuracy"]))
        for name, figures in found.get("signers", {}).items()
    ]
    if rows:
        _print_table(("person", "photos", "correct"), rows, "Each person left out")
    _write(found["sentence"])


def show_study(config: StudyConfig, metrics: dict[str, Any]) -> None:
    """Print the study's table and its answer in a sentence."""
    summary = metrics["summary"]
    _print_table(summary["columns"], summary["rows"], summary["words"])
    _write(f"{metrics['answer']}.")


def show_draw(config: DrawConfig, found: dict[str, Any]) -> None:
    """Print what was drawn."""
    signers = ", ".join(
        f"{name} ({who['handedness']}, tone {who['tone']})" for name, who in found["signers"].items()
    )
    _write(f"{found['images']} images of {', '.join(found['labels'])} in {found['out']}")
    _write(f"Signers: {signers}")
    _write(found["note"])


def show_demo(config: DemoConfig, metrics: dict[str, Any]) -> None:
    """Print the files, the table of the models, and what to do next."""
    _write(f"Backbone: {metrics['backbone']}, {metrics['reason']}.")
    _write(f"Drawn photos: {metrics['photos']} (results on drawn hands say nothing about people)")
    _write(f"Report: {metrics['run']}/report.html")
    _write(f"Try it: handshape predict {metrics['run']} {metrics['first_photo']}")
    show_compare(config, metrics)
    _write("Try the ASL alphabet, with your camera: handshape serve asl")


def show_inspect(config: InspectConfig, found: dict[str, Any]) -> None:
    """Print layout, counts, shapes, signers, sources, what is not used, findings, and the next command."""
    split = found["split"]
    splits = {"train": "training", "valid": "validation", "test": "test"}
    rows = [
        (label, *(str(split["counts"][name][label]) for name in splits), str(count))
        for label, count in found["counts"].items()
    ]
    every = (str(sum(split["counts"][name].values())) for name in splits)
    title = f"{found['images']} images, split: {split['kind']}"
    _print_table(("label", *splits.values(), "all"), [*rows, ("all", *every, str(found["images"]))], title)
    example, batch = found["example"], found["minibatch"]
    _write(f"One example   {example['path']}")
    _write(f"              x: {_tensor(example['x'])}   y: {example['y']} ({example['label']})")
    _write(f"A minibatch   x: {_tensor(batch['x'])}   y: {_shape(batch['y'])} {batch['y']['values']}")
    for size in found["sizes"][:5]:
        _write(f"Size          {size['width']} x {size['height']} {size['mode']}: {size['images']} images")
    signers = ", ".join(f"{name} ({count})" for name, count in found["signers"].items())
    _write(f"Signers       {signers or 'unknown; name people with --signer'}")
    sources = ", ".join(f"{name} ({count})" for name, count in found["sources"].items())
    _write(f"Sources       {sources or 'unknown; name rooms, cameras or collections with --source'}")
    for name, labels in split["missing"].items():
        _write(f"Missing       no {splits[name]} image of {', '.join(labels)}")
    for kind, rows in found["unused"].items():
        for one in rows[:_LISTED]:
            _write(f"Not used      {one['path']}: {one['reason']}")
        if len(rows) > _LISTED:
            _write(f"Not used      and {len(rows) - _LISTED:,} more ({kind}; --json lists all)")
    if found["layout"] and found["layout"]["links"]:
        links = found["layout"]
        _write(
            f"Links         {links['links']} followed, {links['links_out']} of them lead out of the folder"
        )
    share = found["leaks"]["near_duplicates_across_splits"]
    _write(f"Leaks         {100 * share:.0f} % of the test photos have a near-copy in training")
    for finding in found["findings"]:
        _write(f"{finding['severity'].capitalize():<14}{finding['message']}")
    if config.out is not None:
        _write(f"Sample sheet  {config.out / 'samples.png'}")
    _write(f"Next          {found['next']}")


def show_features(config: FeaturesConfig, found: dict[str, Any]) -> None:
    """Print what is in the cache."""
    shape = " x ".join(map(str, found["shape"]))
    _write(
        f"{found['images']} images, {1 + found['views']} views each: {shape} features of {found['backbone']}"
    )
    _write(f"Hand landmarks of {found['images']} images")
    _write(f"Weights: {found['weights']}")
    _write(f"Cache: {found['cache']}")
    for file in found["unreadable"]:
        _write(f"Skipped {file['path']}: {file['reason']}")


def show_cache(config: CacheInfoConfig | CacheClearConfig, found: dict[str, Any]) -> None:
    """Print the content of the cache, or the freed bytes."""
    if "freed" in found:
        _write(f"Deleted {_size(found['freed'])} from {found['cache']}")
        return
    _write(f"Cache: {found['cache']}, {_size(found['bytes'])}")
    for one in found["features"]:
        views = "photo, mirrored" if one["views"] == "{}" else "augmented"
        size = f"{one['rows']:,} rows, {_size(one['bytes'])}"
        _write(f"Features of {one['backbone']} ({one['shape']}; {views}): {size}")
    for kind, what in (("hands", "Hand landmarks"), ("facts", "Measurements")):
        rows, size = (sum(one[name] for one in found[kind]) for name in ("rows", "bytes"))
        _write(f"{what} of {rows:,} images, {_size(size)}")
    _write(f"Prepared images: {found['images']['files']} files, {_size(found['images']['bytes'])}")
    _write("Delete it with `handshape cache clear`; handshape makes it again from your photos when needed.")


def show_evaluate(config: EvaluateConfig, found: dict[str, Any]) -> None:
    """Print the accuracy, a table of labels, coverage, and the accuracy on mirrored photos."""
    low, high = found["interval"]
    interval = f"(95 % interval: {100 * low:.1f}–{100 * high:.1f} %)"
    _write(f"{_percent(found['accuracy'])} of {found['n']} photos were classified correctly {interval}")
    rows = [
        (
            label,
            str(figures["support"]),
            *("-" if figures[key] is None else _percent(figures[key]) for key in ("recall", "precision")),
        )
        for label, figures in found["labels"].items()
    ]
    _print_table(("label", "photos", "recall", "precision"), rows)
    for word, groups in (("Signer", found["signers"]), ("Source", found["sources"])):
        for name, figures in groups.items():
            _write(f"{word} {name}: {_percent(figures['accuracy'])} of {figures['n']}")
    rejection = found["rejection"]
    answered = rejection["answered_accuracy"]
    if answered is not None:
        coverage = _percent(rejection["coverage"])
        _write(
            f'It answered {coverage} of the photos (the rest: "unsure"), and {_percent(answered)} of those'
        )
        _write("answers were correct.")
    _write(f"Mirrored photos: {_percent(found['mirrored_accuracy'])} were classified correctly.")
    _write(found["claim"]["sentence"])
    if found["missing_labels"]:
        _write(f"Not tested: {', '.join(found['missing_labels'])}")


def show_backbones(config: BackbonesConfig, found: list[dict[str, Any]]) -> None:
    """Print a table of networks."""
    rows = [
        (
            one["name"],
            f"{one['parameters'] / 1e6:.1f} M",
            " x ".join(map(str, one["features"])),
            f"{one['cost']:.2f}",
            "-" if one["weights"] is None else _WHERE.get(one["weights"], "in a file"),
        )
        for one in found
    ]
    _print_table(("name", "parameters", "features", "cost", "weights here"), rows)
    _write("Cost: arithmetic for a photo, AlexNet's = 1. Weights that are not here are downloaded.")


def show_doctor(config: DoctorConfig, found: dict[str, Any]) -> None:
    """Print the installation in a table, and each problem in a sentence."""
    cores, cache, weights = found["cores"], found["cache"], found["weights"]
    rows = [
        ("system", found["system"]),
        *found["versions"].items(),
        ("cores", f"{cores['usable']} of {cores['machine']}"),
        ("providers", ", ".join(found["providers"])),
        ("GPU", found["gpu"] or "none that torch can use"),
        ("cache", f"{cache['folder']}, {cache['bytes'] / 1e6:.0f} MB; {cache['free'] / 1e9:.0f} GB free"),
        (
            "weights",
            f"{len(weights['files'])} files in {weights['folder']}" if weights["folder"] else "downloads",
        ),
    ]
    for name, value in rows:
        _write(f"{name:14}{value}")
    _write("")
    for problem in found["problems"]:
        _write(problem)
    if not found["problems"]:
        _write("No problem found.")
    _write("A camera works in the browser at http://localhost, and over https elsewhere.")


def show_predict(config: PredictConfig, predictions: list[dict[str, Any]]) -> None:
    """Print one line for each image, or held sign of a video: a table for people, tabs or CSV for programs.

    Those that cannot be read are named on standard error.
    """
    for one in predictions:
        if "error" in one:
            say(f"{one['path']}: {one['error']}")
    known = [one for one in predictions if "error" not in one]
    timed = any("start" in one for one in known)
    heads = ("path", "label", "probability", *(("start", "end") if timed else ()))
    rows = [(one["path"], one["label"], f"{one['probability']:.4f}", *_times(one, timed)) for one in known]
    if config.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([heads, *(map(safe_cell, row) for row in rows)])
    elif sys.stdout.isatty():
        _print_predictions(known, timed)
    else:
        for row in rows:
            _write("\t".join(row))


def show_serve(config: ServeConfig, found: dict[str, Any]) -> None:
    """Print how many photos were predicted until the server stopped."""
    _write(f"Stopped after {found['photos']} predictions" if "photos" in found else "Stopped")


def show_export(config: ExportConfig, found: dict[str, Any]) -> None:
    """Print the file, its inputs and outputs, and the comparison with the bundle and with torch."""
    parity = found["parity"]
    _write(f"{found['file']}: {found['bytes'] / 1e6:.1f} MB, {found['precision']}, opset {found['opset']}")
    if config.format == "onnx":
        _write("Input: photos as (N, H, W, 3) uint8 of any size. Output: probabilities as (N, K) float32.")
    if found["attempts"]:
        _write("It looks for the hand once, and again in better boxes; the bundle makes more attempts.")
    _write(f"Labels: {', '.join(found['labels'])}")
    _write(
        f"Compared on {parity['photos']} photos ({parity['source']}): another label than the bundle's on "
        f"{parity['different']}; probabilities differ by at most {parity['largest']:.1g} from the bundle's, "
        f"and the bundle's by {parity['torch']:.1g} from torch's."
    )
    if found["precision"] == "int8":
        before, after = _percent(parity["accuracy"]), _percent(parity["int8_accuracy"])
        _write(f"Accuracy on {parity['labelled']} photos: {after} in 8 bits, {before} in 32 bits.")


def show_push(config: PushConfig, found: dict[str, Any]) -> None:
    """Print the address of the bundle, and whether it is private."""
    files = ", ".join(f"{name} ({size / 1e6:.1f} MB)" for name, size in found["files"].items())
    _write(f"Uploaded {files}")
    _write(f"{found['url']}, {'private: only you can see it' if found['private'] else 'public'}")
    _write(f'handshape.load("hub:{found["repository"]}@{found["revision"][:12]}")')


def _print_table(heads: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    from rich.box import SIMPLE  # not imported by commands that print lines only
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE, title=title, title_justify="left", title_style="")
    for place, head in enumerate(heads):
        table.add_column(head, justify="right" if place else "left")
    for row in rows:
        table.add_row(*map(printable, row))
    # A label such as [red] is no markup.
    Console(markup=False, emoji=False, highlight=False).print(table)


def _print_predictions(known: Sequence[dict[str, Any]], timed: bool) -> None:
    """Print predictions as a table, with the next likely labels."""
    rows, folder = [], _common_folder([one["path"] for one in known])
    for one in known:
        likely = one["top"] if one["label"] != one["top"][0][0] else one["top"][1:]
        shown = ", ".join(f"{label} {_percent(share)}" for label, share in likely)
        seconds = [f"{time} s" for time in _times(one, timed) if time] or [""] * 2 * timed
        name = one["path"].removeprefix(folder)
        rows.append((name, one["label"], _percent(one["probability"]), *seconds, shown))
    heads = ("photo", "label", "probability", *(("from", "to") if timed else ()), "next likely")
    _print_table(heads, rows, f"Photos in {folder}" if folder else None)


def _common_folder(paths: Sequence[str]) -> str:
    """Return the folder that all paths are in, with its last slash; empty for a single photo."""
    common = os.path.commonpath([str(Path(path).parent) for path in paths]) if len(paths) > 1 else ""
    return f"{common}{os.sep}" if common else ""


def _times(one: dict[str, Any], timed: bool) -> list[str]:
    """Return start and end of a held sign in seconds, of a photo two empty cells; nothing without videos."""
    return [f"{one[key]:.2f}" if key in one else "" for key in ("start", "end")] if timed else []


def _show_next(found: dict[str, Any]) -> None:
    for number, step in enumerate(found.get("next", ()), start=1):
        _write(f"{'Next' if number == 1 else '    '}  {number}. {step['reason']}")
        _write(f"         {step['command']}")


def _write(line: str) -> None:
    print(printable(line))


def _folds(figures: dict[str, Any]) -> str:
    low, high = figures["interval"]["low"], figures["interval"]["high"]
    kind = figures.get("kind", "signer")
    groups = figures["metrics"][f"{kind}s"].items()
    each = ", ".join(f"{name} {_percent(found['accuracy'])}" for name, found in groups)
    only = " for these two" if kind == "source" and len(groups) == 2 else ""
    one_more = figures[f"next_{kind}"]
    expected = (
        ""
        if one_more is None
        else f"; one more {kind}: {100 * one_more['low']:.0f}–{100 * one_more['high']:.0f} %"
    )
    mean = f"{_percent(figures['mean'])} (95 % interval{only}: {100 * low:.1f}–{100 * high:.1f} %)"
    return f"{mean}{expected}; {each}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _shape(found: dict[str, Any]) -> str:
    return f"{' x '.join(map(str, found['shape']))} {found['type'].removeprefix('torch.')}"


def _tensor(found: dict[str, Any]) -> str:
    return f"{_shape(found)} in [{found['smallest']:g}, {found['largest']:g}]"


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"

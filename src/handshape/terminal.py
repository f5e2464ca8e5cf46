"""Print the results of commands in a terminal."""

from collections.abc import Iterable, Sequence
from typing import Any

from handshape.config.cache import CacheClearConfig, CacheInfoConfig
from handshape.config.draw import DemoConfig, DrawConfig
from handshape.config.export import ExportConfig
from handshape.config.push import PushConfig
from handshape.config.serve import ServeConfig
from handshape.config.study import StudyConfig
from handshape.config.train import CompareConfig, TrainConfig
from handshape.config.use import EvaluateConfig, FeaturesConfig, InspectConfig, PredictConfig


def show_compare(config: CompareConfig | TrainConfig | DemoConfig, metrics: dict[str, Any]) -> None:
    """Print the table of the models, the headline, and which model was saved and why."""
    split = metrics["split"]
    counts = f"{split['train']} training, {split['valid']} validation and {split['test']} test photos"
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
        print(f"{name}, mean over each {figures.get('kind', 'signer')} left out: {_folds(figures)}")
    share = metrics["leaks"]["near_duplicates_across_splits"]
    if share:
        print(f"{_percent(share)} of the test photos have a near-copy in training.")
    plain = metrics["leaks"].get("without_grouping")
    if plain is not None:
        share = _percent(plain["near_duplicates_across_splits"])
        accuracies = (f"{name} {_percent(model['test_accuracy'])}" for name, model in plain["models"].items())
        print(f"Near-copies were kept together. With an ordinary random split, {share} of the test photos")
        print(f"would have a near-copy in training, and the table would show {', '.join(accuracies)}.")
    if len(metrics["models"]) > 1:
        print(f"Saved: {metrics['best']}. {metrics['best_because']}")
    print(f"{metrics['answer']}.")


show_train = show_compare


def show_study(config: StudyConfig, metrics: dict[str, Any]) -> None:
    """Print the study's table and its answer in a sentence."""
    summary = metrics["summary"]
    _print_table(summary["columns"], summary["rows"], summary["words"])
    print(f"{metrics['answer']}.")


def show_draw(config: DrawConfig, found: dict[str, Any]) -> None:
    """Print what was drawn."""
    signers = ", ".join(
        f"{name} ({who['handedness']}, tone {who['tone']})" for name, who in found["signers"].items()
    )
    print(f"{found['images']} images of {', '.join(found['labels'])} in {found['out']}")
    print(f"Signers: {signers}")
    print(found["note"])


def show_demo(config: DemoConfig, metrics: dict[str, Any]) -> None:
    """Print the table of the models, the files, and what to try next."""
    show_compare(config, metrics)
    print(f"Backbone: {metrics['backbone']}, {metrics['reason']}.")
    print(f"Drawn photos: {metrics['photos']} (results on drawn hands say nothing about people)")
    print(f"Report: {metrics['run']}/report.html")
    print(f"Try it: handshape predict {metrics['run']} {metrics['first_photo']}")


def show_inspect(config: InspectConfig, found: dict[str, Any]) -> None:
    """Print counts, shapes, signers, sources and findings."""
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
    print(f"One example   {example['path']}")
    print(f"              x: {_tensor(example['x'])}   y: {example['y']} ({example['label']})")
    print(f"A minibatch   x: {_tensor(batch['x'])}   y: {_shape(batch['y'])} {batch['y']['values']}")
    for size in found["sizes"][:5]:
        print(f"Size          {size['width']} x {size['height']} {size['mode']}: {size['images']} images")
    signers = ", ".join(f"{name} ({count})" for name, count in found["signers"].items())
    print(f"Signers       {signers or 'unknown; name people with --signer'}")
    sources = ", ".join(f"{name} ({count})" for name, count in found["sources"].items())
    print(f"Sources       {sources or 'unknown; name rooms, cameras or collections with --source'}")
    for name, labels in split["missing"].items():
        print(f"Missing       no {splits[name]} image of {', '.join(labels)}")
    for file in found["unreadable"]:
        print(f"Skipped       {file['path']}: {file['reason']}")
    share = found["leaks"]["near_duplicates_across_splits"]
    print(f"Leaks         {100 * share:.0f} % of the test photos have a near-copy in training")
    for finding in found["findings"]:
        print(f"{finding['severity'].capitalize():<14}{finding['message']}")


def show_features(config: FeaturesConfig, found: dict[str, Any]) -> None:
    """Print which features are in the cache."""
    shape = " x ".join(map(str, found["shape"]))
    print(
        f"{found['images']} images, {1 + found['views']} views each: {shape} features of {found['backbone']}"
    )
    print(f"Weights: {found['weights']}")
    print(f"Cache: {found['cache']}")
    for file in found["unreadable"]:
        print(f"Skipped {file['path']}: {file['reason']}")


def show_cache(config: CacheInfoConfig | CacheClearConfig, found: dict[str, Any]) -> None:
    """Print the content of the cache, or the freed bytes."""
    if "freed" in found:
        print(f"Deleted {_size(found['freed'])} from {found['cache']}")
        return
    print(f"Cache: {found['cache']}, {_size(found['bytes'])}")
    for one in found["features"]:
        views = "photo, mirrored" if one["views"] == "{}" else "augmented"
        size = f"{one['rows']:,} rows, {_size(one['bytes'])}"
        print(f"Features of {one['backbone']} ({one['shape']}; {views}): {size}")
    facts = sum(one["rows"] for one in found["facts"])
    print(f"Measurements of {facts:,} photos, {_size(sum(one['bytes'] for one in found['facts']))}")
    print(f"Prepared images: {found['images']['files']} files, {_size(found['images']['bytes'])}")
    print("Delete it with `handshape cache clear`; handshape makes it again from your photos when needed.")


def show_evaluate(config: EvaluateConfig, found: dict[str, Any]) -> None:
    """Print the accuracy, a table of labels, coverage, and the accuracy on mirrored photos."""
    low, high = found["interval"]
    interval = f"(95 % interval: {100 * low:.1f}–{100 * high:.1f} %)"
    print(f"{_percent(found['accuracy'])} of {found['n']} photos were classified correctly {interval}")
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
            print(f"{word} {name}: {_percent(figures['accuracy'])} of {figures['n']}")
    rejection = found["rejection"]
    answered = rejection["answered_accuracy"]
    if answered is not None:
        coverage = _percent(rejection["coverage"])
        print(f'It answered {coverage} of the photos (the rest: "unsure"), and {_percent(answered)} of those')
        print("answers were correct.")
    print(f"Mirrored photos: {_percent(found['mirrored_accuracy'])} were classified correctly.")


def show_predict(config: PredictConfig, predictions: list[dict[str, Any]]) -> None:
    """Print one line for each image."""
    for one in predictions:
        print(f"{one['path']}\t{one['label']}\t{one['probability']:.4f}")


def show_serve(config: ServeConfig, found: dict[str, Any]) -> None:
    """Print how many photos were predicted until the server stopped."""
    print(f"Stopped after {found['photos']} predictions" if "photos" in found else "Stopped")


def show_export(config: ExportConfig, found: dict[str, Any]) -> None:
    """Print the file, its inputs and outputs, and the comparison with the bundle and with torch."""
    parity = found["parity"]
    print(f"{found['file']}: {found['bytes'] / 1e6:.1f} MB, {found['precision']}, opset {found['opset']}")
    if config.format == "onnx":
        print("Input: photos as (N, H, W, 3) uint8 of any size. Output: probabilities as (N, K) float32.")
    if found["attempts"]:
        print("It looks for the hand once, and again in better boxes; the bundle makes more attempts.")
    print(f"Labels: {', '.join(found['labels'])}")
    print(
        f"Compared on {parity['photos']} photos ({parity['source']}): another label than the bundle's on "
        f"{parity['different']}; probabilities differ by at most {parity['largest']:.1g} from the bundle's, "
        f"and the bundle's by {parity['torch']:.1g} from torch's."
    )
    if found["precision"] == "int8":
        before, after = _percent(parity["accuracy"]), _percent(parity["int8_accuracy"])
        print(f"Accuracy on {parity['labelled']} photos: {after} in 8 bits, {before} in 32 bits.")


def show_push(config: PushConfig, found: dict[str, Any]) -> None:
    """Print the address of the bundle, and whether it is private."""
    files = ", ".join(f"{name} ({size / 1e6:.1f} MB)" for name, size in found["files"].items())
    print(f"Uploaded {files}")
    print(f"{found['url']}, {'private: only you can see it' if found['private'] else 'public'}")
    print(f'handshape.load("hub:{found["repository"]}@{found["revision"][:12]}")')


def _print_table(heads: Sequence[str], rows: Iterable[Sequence[str]], title: str | None = None) -> None:
    from rich.box import SIMPLE  # not imported by commands that print lines only
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE, title=title, title_justify="left", title_style="")
    for place, head in enumerate(heads):
        table.add_column(head, justify="right" if place else "left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _folds(figures: dict[str, Any]) -> str:
    low, high = figures["interval"]["low"], figures["interval"]["high"]
    kind = figures.get("kind", "signer")
    groups = figures["metrics"][f"{kind}s"].items()
    each = ", ".join(f"{name} {_percent(found['accuracy'])}" for name, found in groups)
    only = " for these two" if kind == "source" and len(groups) == 2 else ""
    return f"{_percent(figures['mean'])} (95 % interval{only}: {100 * low:.1f}–{100 * high:.1f} %); {each}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _shape(found: dict[str, Any]) -> str:
    return f"{' x '.join(map(str, found['shape']))} {found['type'].removeprefix('torch.')}"


def _tensor(found: dict[str, Any]) -> str:
    return f"{_shape(found)} in [{found['smallest']:g}, {found['largest']:g}]"


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"

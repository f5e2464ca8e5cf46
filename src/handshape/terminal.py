"""Print the results of commands in a terminal."""

from typing import TYPE_CHECKING, Any

from handshape.config.cache import CacheClearConfig, CacheInfoConfig
from handshape.config.draw import DemoConfig, DrawConfig
from handshape.config.export import ExportConfig
from handshape.config.push import PushConfig
from handshape.config.serve import ServeConfig
from handshape.config.study import StudyConfig
from handshape.config.train import CompareConfig, TrainConfig
from handshape.config.use import EvaluateConfig, FeaturesConfig, InspectConfig, PredictConfig

if TYPE_CHECKING:
    from rich.table import Table


def show_compare(config: CompareConfig | TrainConfig | DemoConfig, metrics: dict[str, Any]) -> None:
    """Print the table of the models, the headline, and which model was saved and why."""
    split = metrics["split"]
    counts = f"{split['train']} training, {split['valid']} validation and {split['test']} test photos"
    table = _table(title=f"Split: {split['kind']} ({counts})", title_justify="left", title_style="")
    for head in (
        "model",
        "validation",
        "test",
        "95 %\ninterval",
        "features",
        "training",
        "trained\nweights",
    ):
        table.add_column(head, justify="left" if head == "model" else "right", no_wrap=True)
    for name, model in metrics["models"].items():
        low, high = model["test_interval"]
        seconds, parameters = model["seconds"], model["parameters"]
        table.add_row(
            name,
            _percent(model["valid_accuracy"]),
            _percent(model["test_accuracy"]),
            f"{100 * low:.1f}–{100 * high:.1f}",
            f"{seconds['features']:.1f} s",
            f"{seconds['train']:.1f} s",
            f"{parameters['trained'] / 1e6:.2f} M",
        )
    _print(table)
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
    table = _table(title=summary["words"], title_justify="left", title_style="")
    for place, head in enumerate(summary["columns"]):
        table.add_column(head, justify="right" if place else "left")
    for row in summary["rows"]:
        table.add_row(*row)
    _print(table)
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
    table = _table(title=f"{found['images']} images, split: {split['kind']}", title_justify="left")
    table.add_column("label")
    for head in (*splits.values(), "all"):
        table.add_column(head, justify="right")
    for label, count in found["counts"].items():
        table.add_row(label, *(str(split["counts"][name][label]) for name in splits), str(count))
    table.add_section()
    table.add_row("all", *(str(sum(split["counts"][name].values())) for name in splits), str(found["images"]))
    _print(table)
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
    if found["features"]:
        table = _table()
        for head in ("features of", "shape", "views", "precision", "rows", "size"):
            table.add_column(head, justify="right" if head in ("rows", "size") else "left")
        for one in found["features"]:
            views = "photo, mirrored" if one["views"] == "{}" else "augmented"
            row = (one["backbone"], one["shape"], views, one.get("precision", "fp32"), f"{one['rows']:,}")
            table.add_row(*row, _size(one["bytes"]))
        _print(table)
    facts = sum(one["rows"] for one in found["facts"])
    print(f"Measurements of {facts:,} photos, {_size(sum(one['bytes'] for one in found['facts']))}")
    print(f"Prepared images: {found['images']['files']} files, {_size(found['images']['bytes'])}")
    print("Delete it with `handshape cache clear`; handshape makes it again from your photos when needed.")


def show_evaluate(config: EvaluateConfig, found: dict[str, Any]) -> None:
    """Print the accuracy, a table of labels, coverage, and the accuracy on mirrored photos."""
    low, high = found["interval"]
    interval = f"(95 % interval: {100 * low:.1f}–{100 * high:.1f} %)"
    print(f"{_percent(found['accuracy'])} of {found['n']} photos were classified correctly {interval}")
    table = _table()
    for head in ("label", "photos", "recall", "precision"):
        table.add_column(head, justify="left" if head == "label" else "right")
    for label, figures in found["labels"].items():
        shares = ("-" if figures[key] is None else _percent(figures[key]) for key in ("recall", "precision"))
        table.add_row(label, str(figures["support"]), *shares)
    _print(table)
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
    """Print the file, its inputs and outputs, and the comparison with torch."""
    parity = found["parity"]
    print(f"{found['file']}: {found['bytes'] / 1e6:.1f} MB, {found['precision']}, opset {found['opset']}")
    print("Input: photos as (N, H, W, 3) uint8 of any size. Output: probabilities as (N, K) float32.")
    print(f"Labels: {', '.join(found['labels'])}")
    print(
        f"Compared with torch on {parity['photos']} photos ({parity['source']}): probabilities differ by "
        f"at most {parity['largest']:.1g}."
    )
    if found["precision"] == "int8":
        before, after = _percent(parity["torch_accuracy"]), _percent(parity["accuracy"])
        print(f"Accuracy on {parity['labelled']} photos: {after} in 8 bits, {before} in 32 bits.")


def show_push(config: PushConfig, found: dict[str, Any]) -> None:
    """Print the address of the bundle, and whether it is private."""
    files = ", ".join(f"{name} ({size / 1e6:.1f} MB)" for name, size in found["files"].items())
    print(f"Uploaded {files}")
    print(f"{found['url']}, {'private: only you can see it' if found['private'] else 'public'}")
    print(f'handshape.load("hub:{found["repository"]}@{found["revision"][:12]}")')


def _table(**options: Any) -> "Table":
    from rich.box import SIMPLE  # not imported by commands that print lines only
    from rich.table import Table

    return Table(box=SIMPLE, **options)


def _print(table: "Table") -> None:
    from rich.console import Console

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

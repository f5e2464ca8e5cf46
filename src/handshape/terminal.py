"""Results of commands as a person reads them in a terminal."""

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
    """Print the table of the models, what leaks, and the answer in a sentence."""
    split = metrics["split"]
    counts = ", ".join(f"{split[side]} {side}" for side in ("train", "valid", "test"))
    table = _table(title=f"Split: {split['kind']} ({counts})", title_justify="left", title_style="")
    for head in ("model", "valid", "test", "95 %", "features", "training", "trained of"):
        table.add_column(head, justify="left" if head == "model" else "right", no_wrap=True)
    for name, model in metrics["models"].items():
        low, high = model["test_interval"]
        seconds, parameters = model["seconds"], model["parameters"]
        table.add_row(
            name,
            _percent(model["valid_accuracy"]),
            _percent(model["test_accuracy"]),
            f"{100 * low:.1f}-{100 * high:.1f}",
            f"{seconds['features']:.1f} s",
            f"{seconds['train']:.1f} s",
            f"{parameters['trained'] / 1e6:.2f}/{parameters['total'] / 1e6:.2f} M",
        )
    _print(table)
    for name, model in metrics["models"].items():
        quick = model.get("training_precision_accuracy")
        if quick is not None:
            print(f"{name} learned from photos read in less than float32, as which {_percent(quick)} of the")
            print("test photos would be read right. The table, and the recogniser, are of float32.")
    for name, figures in metrics.get("folds", {}).items():
        print(f"{name}, each {figures.get('kind', 'signer')} left out once: {_folds(figures)}")
    share = metrics["leaks"]["near_duplicates_across_splits"]
    if share:
        print(f"{_percent(share)} of the test photos have a near-twin in training: reading those is memory.")
    plain = metrics["leaks"].get("without_grouping")
    if plain is not None:
        share = _percent(plain["near_duplicates_across_splits"])
        accuracies = (f"{name} {_percent(model['test_accuracy'])}" for name, model in plain["models"].items())
        print(f"Bursts are kept on one side. Dealt out photo by photo, {share} of the test photos would have")
        print(f"a near-twin in training, and the table would say: {', '.join(accuracies)}.")
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
    """Print the table of the models, where everything is, and what to try next."""
    show_compare(config, metrics)
    print(f"Backbone: {metrics['backbone']}, {metrics['reason']}.")
    print(f"Drawn photos: {metrics['photos']} (no claim about people is made from drawn hands)")
    print(f"Report: {metrics['run']}/report.html")
    print(f"Try it: handshape predict {metrics['run']} {metrics['first_photo']}")


def show_inspect(config: InspectConfig, found: dict[str, Any]) -> None:
    """Print counts, shapes, signers, sources and what cannot be read."""
    split = found["split"]
    sides = ("train", "valid", "test")
    table = _table(title=f"{found['images']} images, split: {split['kind']}", title_justify="left")
    table.add_column("label")
    for side in (*sides, "all"):
        table.add_column(side, justify="right")
    for label, count in found["counts"].items():
        table.add_row(label, *(str(split["counts"][side][label]) for side in sides), str(count))
    table.add_section()
    table.add_row("all", *(str(sum(split["counts"][side].values())) for side in sides), str(found["images"]))
    _print(table)
    example, batch = found["example"], found["minibatch"]
    print(f"One example   {example['path']}")
    print(f"              x: {_tensor(example['x'])}   y: {example['y']} ({example['label']})")
    print(f"A minibatch   x: {_tensor(batch['x'])}   y: {_shape(batch['y'])} {batch['y']['values']}")
    for size in found["sizes"][:5]:
        print(f"Size          {size['width']} x {size['height']} {size['mode']}: {size['images']} images")
    signers = ", ".join(f"{name} ({count})" for name, count in found["signers"].items())
    print(f"Signers       {signers or 'unknown; name them with --signer'}")
    sources = ", ".join(f"{name} ({count})" for name, count in found["sources"].items())
    print(f"Sources       {sources or 'unknown; name rooms, cameras or collections with --source'}")
    for side, labels in split["missing"].items():
        print(f"Missing       {side} has no image of {', '.join(labels)}")
    for file in found["unreadable"]:
        print(f"Left out      {file['path']}: {file['reason']}")
    share = found["leaks"]["near_duplicates_across_splits"]
    print(f"Leaks         {100 * share:.0f} % of the test photos have a near-twin in training")
    for finding in found["findings"]:
        print(f"{finding['severity'].capitalize():<14}{finding['message']}")


def show_features(config: FeaturesConfig, found: dict[str, Any]) -> None:
    """Print what is in the store now."""
    shape = " x ".join(map(str, found["shape"]))
    print(
        f"{found['images']} images, {1 + found['views']} views each: {shape} features of {found['backbone']}"
    )
    print(f"Weights: {found['weights']}")
    print(f"Store: {found['store']}")
    for file in found["unreadable"]:
        print(f"Left out: {file['path']}, {file['reason']}")


def show_cache(config: CacheInfoConfig | CacheClearConfig, found: dict[str, Any]) -> None:
    """Print what the cache holds, or what deleting it freed."""
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
    print("Everything here can be made again from your photos; `handshape cache clear` deletes it.")


def show_evaluate(config: EvaluateConfig, found: dict[str, Any]) -> None:
    """Print the accuracy in a sentence and a table of labels."""
    low, high = found["interval"]
    interval = f"(95 %: {100 * low:.1f} to {100 * high:.1f})"
    print(f"{_percent(found['accuracy'])} of {found['n']} photos read right {interval}")
    table = _table()
    for head in ("label", "photos", "read right", "right when read so"):
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
        print(f"Sure enough to answer: {coverage}, of which right: {_percent(answered)}")
    print(f"Mirrored: {_percent(found['mirrored_accuracy'])} read right")


def show_predict(config: PredictConfig, answers: list[dict[str, Any]]) -> None:
    """Print one line for each image."""
    for answer in answers:
        print(f"{answer['path']}\t{answer['label']}\t{answer['probability']:.4f}")


def show_serve(config: ServeConfig, found: dict[str, Any]) -> None:
    """Print what was done until the server was ended."""
    print(f"Ended; {found['photos']} photos were read" if "photos" in found else "Ended")


def show_export(config: ExportConfig, found: dict[str, Any]) -> None:
    """Print where the model is, what it takes, and how it compares with torch."""
    parity = found["parity"]
    print(f"{found['file']}: {found['bytes'] / 1e6:.1f} MB, {found['precision']}, opset {found['opset']}")
    print("Takes photos as (N, H, W, 3) uint8 of any size; gives probabilities as (N, K) float32.")
    print(f"Labels: {', '.join(found['labels'])}")
    print(
        f"Compared with torch on {parity['photos']} photos ({parity['source']}): probabilities differ by "
        f"{parity['largest']:.1g} at most."
    )
    if found["precision"] == "int8":
        before, after = _percent(parity["torch_accuracy"]), _percent(parity["accuracy"])
        print(f"Read right in 8 bits: {after} of {parity['labelled']}; in 32 bits: {before}.")


def show_push(config: PushConfig, found: dict[str, Any]) -> None:
    """Print where the bundle is now, and who sees it."""
    files = ", ".join(f"{name} ({size / 1e6:.1f} MB)" for name, size in found["files"].items())
    print(f"Uploaded {files}")
    print(f"{found['url']}, {'private: you alone see it' if found['private'] else 'public'}")
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
    # Of two sources the interval does not speak of a third.
    whom = ", of these two only" if kind == "source" and len(groups) == 2 else ""
    return f"{_percent(figures['mean'])} (95 %{whom}: {100 * low:.1f} to {100 * high:.1f}); {each}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _shape(found: dict[str, Any]) -> str:
    return f"{' x '.join(map(str, found['shape']))} {found['type'].removeprefix('torch.')}"


def _tensor(found: dict[str, Any]) -> str:
    return f"{_shape(found)} in [{found['smallest']:g}, {found['largest']:g}]"


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"

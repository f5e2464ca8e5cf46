"""Inspect a data set: its content and its problems."""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import torch

from handshape.commands.shared import index_photos, report_data
from handshape.config.data import DataConfig
from handshape.config.fields import command_words
from handshape.config.train import CompareConfig, FoldKind
from handshape.config.use import InspectConfig
from handshape.data.data_report import DataReport
from handshape.data.dataset import SPLITS, Dataset
from handshape.data.images.decode import Preprocessing
from handshape.data.images.index import ImageIndex
from handshape.data.images.prepared import read_batch
from handshape.evaluation.report.thumbnails import pair_sheet, sample_sheet
from handshape.run import claim, describe, write_json

# Size of the minibatch in the lesson.
_MINIBATCH = 10


def inspect(config: InspectConfig) -> dict[str, Any]:
    """Inspect a data set, write a run if ``out`` is given, and return the content of ``metrics.json``."""
    return inspect_photos(config)[0]


def inspect_photos(config: InspectConfig, given: Dataset | None = None) -> tuple[dict[str, Any], DataReport]:
    """Inspect photos as `inspect` does, which a program may pass, and return the data report as well."""
    if config.out is None:
        return _inspect(config, given)
    with claim(config.out, force=config.force) as claimed:
        found, data_report = _inspect(config, given)
        with claimed.new_run(force=config.force) as folder:
            write_json(folder / "config.json", describe("inspect", config, data_report.digest))
            write_json(folder / "metrics.json", found)
            sample_sheet(data_report.indexed, folder / "samples.png")
            if data_report.leaks.worst:
                pair_sheet(data_report.indexed, data_report.leaks, folder / "near-copies.png")
    return found, data_report


def _inspect(config: InspectConfig, given: Dataset | None) -> tuple[dict[str, Any], DataReport]:
    _, indexed = index_photos(config, listed=given)
    data_report = report_data(config, indexed, must_split=False)
    dataset, split = indexed.dataset, data_report.split
    found = {
        "layout": asdict(dataset.layout) if dataset.layout else None,
        "images": len(dataset),
        "labels": list(dataset.labels),
        "counts": dataset.counts(),
        "split": {
            "kind": split.kind,
            "counts": {name: split.dataset.on(name).counts() for name in SPLITS},
            "missing": split.missing(),
            "cut": None if split.cut is None else {"split": split.cut[0], "by": split.cut[1]},
        },
        "leaks": {
            "near_duplicates_across_splits": data_report.leaks.share,
            "photos": data_report.leaks.leaking,
        },
        "bursts": int(data_report.bursts.max()) + 1,
        "findings": [asdict(finding) for finding in data_report.findings],
        "signers": _counts(dataset.signers, [sample.signer for sample in dataset.samples]),
        "sources": _counts(dataset.sources, [sample.source for sample in dataset.samples]),
        "sizes": _sizes(indexed),
        "example": _example(indexed),
        "minibatch": _minibatch(data_report),
        "unreadable": [{"path": u.name, "label": u.label, "reason": u.reason} for u in dataset.unreadable],
        "unused": {
            kind: [{"path": one.name, "reason": one.reason, "files": one.files} for one in rows]
            for kind, rows in dataset.left_out().items()
        },
        "next": _next(config, dataset),
    }
    return found, data_report


def _next(config: InspectConfig, dataset: Dataset) -> str:
    """Return the command that measures a recogniser of this data."""
    folds: FoldKind = "signers" if len(dataset.signers) > len(SPLITS) else "none"
    options = {field.name: getattr(config, field.name) for field in fields(DataConfig)}
    return shlex.join(command_words("compare", CompareConfig(**options, folds=folds)))


def _counts(names: Sequence[str], known: Sequence[str | None]) -> dict[str, int]:
    found = Counter(known)
    return {name: found[name] for name in names}


def _sizes(indexed: ImageIndex) -> list[dict[str, Any]]:
    found = Counter((stats.width, stats.height, stats.mode) for stats in indexed.stats)
    return [{"width": w, "height": h, "mode": mode, "images": n} for (w, h, mode), n in found.most_common()]


def _example(indexed: ImageIndex) -> dict[str, Any]:
    x = Preprocessing().normalise(torch.from_numpy(indexed.images[0])[None])[0]
    sample = indexed.dataset.samples[0]
    return {
        "path": sample.name,
        "x": _describe(x),
        "y": indexed.dataset.class_to_idx[sample.label],
        "label": sample.label,
    }


def _minibatch(data_report: DataReport) -> dict[str, Any]:
    train = data_report.split.dataset.split_indices()["train"].tolist()
    training = train or list(range(len(data_report.indexed.dataset)))  # where no split can be made
    generator = torch.Generator().manual_seed(0)
    chosen = [training[i] for i in torch.randperm(len(training), generator=generator)[:_MINIBATCH].tolist()]
    x = Preprocessing().normalise(torch.from_numpy(read_batch(data_report.indexed.images, chosen)))
    y = torch.from_numpy(data_report.indexed.dataset.classes[chosen])
    return {"x": _describe(x), "y": {"shape": list(y.shape), "type": str(y.dtype), "values": y.tolist()}}


def _describe(x: torch.Tensor) -> dict[str, Any]:
    low, high = float(x.min()), float(x.max())
    return {
        "shape": list(x.shape),
        "type": str(x.dtype),
        "smallest": round(low, 4),
        "largest": round(high, 4),
    }

"""Inspect a data set: its content and its problems."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch

from handshape.commands.shared import index_photos, report_data
from handshape.config.use import InspectConfig
from handshape.data.data_report import DataReport
from handshape.data.dataset import SPLITS
from handshape.data.images.decode import Preprocessing
from handshape.data.images.index import ImageIndex
from handshape.data.images.prepared import read_batch
from handshape.evaluation.report.thumbnails import pair_sheet, sample_sheet
from handshape.run import Claim, claim, default_out, describe, write_json

# Size of the minibatch in the lesson.
_MINIBATCH = 10


def inspect(config: InspectConfig) -> dict[str, Any]:
    """Inspect a data set, write the run and return the content of ``metrics.json``."""
    out = config.out or default_out("inspect")
    with claim(out, force=config.force) as claimed:
        return _inspect(config, claimed)


def _inspect(config: InspectConfig, claimed: Claim) -> dict[str, Any]:
    _, indexed = index_photos(config)
    data_report = report_data(config, indexed, must_split=False)
    found = {
        "images": len(indexed.dataset),
        "labels": list(indexed.dataset.labels),
        "counts": indexed.dataset.counts(),
        "split": {
            "kind": data_report.split.kind,
            "counts": {name: data_report.split.dataset.on(name).counts() for name in SPLITS},
            "missing": data_report.split.missing(),
        },
        "leaks": {
            "near_duplicates_across_splits": data_report.leaks.share,
            "photos": data_report.leaks.leaking,
        },
        "bursts": int(data_report.bursts.max()) + 1,
        "findings": [asdict(finding) for finding in data_report.findings],
        "signers": _counts(indexed.dataset.signers, [sample.signer for sample in indexed.dataset.samples]),
        "sources": _counts(indexed.dataset.sources, [sample.source for sample in indexed.dataset.samples]),
        "sizes": _sizes(indexed),
        "example": _example(indexed),
        "minibatch": _minibatch(data_report),
        "unreadable": [
            {"path": u.name, "label": u.label, "reason": u.reason} for u in indexed.dataset.unreadable
        ],
    }
    with claimed.new_run(force=config.force) as folder:
        write_json(folder / "config.json", describe("inspect", config, data_report.digest))
        write_json(folder / "metrics.json", found)
        sample_sheet(indexed, folder / "samples.png")
        if data_report.leaks.worst:
            pair_sheet(indexed, data_report.leaks, folder / "near-copies.png")
    return found


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

"""Say what is in a data set: what the lesson asks for, and what is wrong with it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch

from handshape.commands.shared import scan_material, survey_material
from handshape.config.use import InspectConfig
from handshape.data.data_report import Survey
from handshape.data.dataset import SPLITS
from handshape.data.images.decode import Preprocessing
from handshape.data.images.index import Scan
from handshape.data.images.prepared import read_batch
from handshape.evaluation.report.thumbnails import pair_sheet, sample_sheet
from handshape.run import Claim, claim, default_out, describe, write_json

# The lesson looks at a first minibatch of ten.
_MINIBATCH = 10


def inspect(config: InspectConfig) -> dict[str, Any]:
    """Read a data set and write down what is in it.

    Args:
        config: The settings.

    Returns:
        Counts per split and label, shapes of one example and of one minibatch, signers, sources, image sizes,
        and files that cannot be read.

    Raises:
        HandshapeError: Something a user can mend; see the message.
    """
    out = config.out or default_out("inspect")
    with claim(out, force=config.force) as claimed:
        return _inspect(config, claimed)


def _inspect(config: InspectConfig, claimed: Claim) -> dict[str, Any]:
    _, scan = scan_material(config)
    survey = survey_material(config, scan, for_training=False)
    found = {
        "images": len(scan.dataset),
        "labels": list(scan.dataset.labels),
        "counts": scan.dataset.counts(),
        "split": {
            "kind": survey.split.kind,
            "counts": {side: survey.split.dataset.on(side).counts() for side in SPLITS},
            "missing": survey.split.missing(),
        },
        "leaks": {
            "near_duplicates_across_splits": survey.leaks.share,
            "photos": survey.leaks.leaking,
        },
        "bursts": int(survey.bursts.max()) + 1,
        "findings": [asdict(finding) for finding in survey.findings],
        "signers": _counts(scan.dataset.signers, [sample.signer for sample in scan.dataset.samples]),
        "sources": _counts(scan.dataset.sources, [sample.source for sample in scan.dataset.samples]),
        "sizes": _sizes(scan),
        "example": _example(scan),
        "minibatch": _minibatch(survey),
        "unreadable": [
            {"path": u.name, "label": u.label, "reason": u.reason} for u in scan.dataset.unreadable
        ],
    }
    with claimed.new_run(force=config.force) as folder:
        write_json(folder / "config.json", describe("inspect", config, survey.digest))
        write_json(folder / "metrics.json", found)
        sample_sheet(scan, folder / "samples.png")
        if survey.leaks.worst:
            pair_sheet(scan, survey.leaks, folder / "twins.png")
    return found


def _counts(names: Sequence[str], known: Sequence[str | None]) -> dict[str, int]:
    found = Counter(known)
    return {name: found[name] for name in names}


def _sizes(scan: Scan) -> list[dict[str, Any]]:
    found = Counter((facts.width, facts.height, facts.mode) for facts in scan.facts)
    return [{"width": w, "height": h, "mode": mode, "images": n} for (w, h, mode), n in found.most_common()]


def _example(scan: Scan) -> dict[str, Any]:
    x = Preprocessing().normalise(torch.from_numpy(scan.images[0])[None])[0]
    sample = scan.dataset.samples[0]
    return {
        "path": sample.name,
        "x": _describe(x),
        "y": scan.dataset.class_to_idx[sample.label],
        "label": sample.label,
    }


def _minibatch(survey: Survey) -> dict[str, Any]:
    sides = [sample.split for sample in survey.split.dataset.samples]
    # Where no split can be made, the minibatch is one of all photos.
    training = [i for i, side in enumerate(sides) if side == "train"] or list(range(len(sides)))
    generator = torch.Generator().manual_seed(0)
    chosen = [training[i] for i in torch.randperm(len(training), generator=generator)[:_MINIBATCH].tolist()]
    x = Preprocessing().normalise(torch.from_numpy(read_batch(survey.scan.images, chosen)))
    y = torch.from_numpy(survey.scan.dataset.classes[chosen])
    return {"x": _describe(x), "y": {"shape": list(y.shape), "type": str(y.dtype), "values": y.tolist()}}


def _describe(x: torch.Tensor) -> dict[str, Any]:
    low, high = float(x.min()), float(x.max())
    return {
        "shape": list(x.shape),
        "type": str(x.dtype),
        "smallest": round(low, 4),
        "largest": round(high, 4),
    }

"""A recogniser of taught signs, with its accuracy on people who were left out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from handshape.bundle import KNOWN_PHOTOS, known_photos, read_file
from handshape.data.images.index import ImageIndex
from handshape.evaluation.cross_validation import FoldFigures
from handshape.evaluation.evaluation import Evaluation, write_predictions
from handshape.evaluation.rejection import measure_rejection
from handshape.notebook import html_table, in_percent, paragraph
from handshape.recogniser import Recogniser
from handshape.run import BUNDLE, describe, new_run, write_json

_FEW_SIGNERS = 10  # with fewer, the average says little about the next person


@dataclass(frozen=True, repr=False)
class TaughtSigns:
    r"""A recogniser of taught signs, with its accuracy on each person left out; what `add_signs` returns.

    Args:
        recogniser: The recogniser, taught by all photos.
        index: The photos that taught it.
        folds: For each signer, the predictions of their photos after teaching by the others; empty where
            there is one signer.
        figures: Accuracy over the folds, or None.
        untested: Share of photos that no fold tests, because only one signer shows that sign.
        base: The recogniser that the signs were added to; None where it was trained on these photos alone.

    Examples:
        >>> taught = handshape.add_signs("asl", "photos", signer=r"(signer\d+)_", out="runs/mine")
        >>> taught.added
        ()
        >>> len(taught.recogniser.labels)
        26
        >>> list(taught.signers)
        ['signer1', 'signer2', 'signer3', 'signer4']
    """

    recogniser: Recogniser
    index: ImageIndex
    folds: tuple[Evaluation, ...]
    figures: FoldFigures | None
    untested: float
    base: Recogniser | None = None

    @property
    def base_labels(self) -> tuple[str, ...]:
        """Labels of the recogniser that the signs were added to."""
        return () if self.base is None else self.base.labels

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the photos."""
        return tuple(sorted({sample.label for sample in self.index.dataset.samples}))

    @property
    def added(self) -> tuple[str, ...]:
        """Labels of the photos that it did not know before."""
        return tuple(label for label in self.labels if label not in self.base_labels)

    @property
    def signers(self) -> dict[str, float]:
        """Share of each signer's photos that is classified correctly after teaching by the others."""
        found = {} if self.figures is None else self.figures.metrics.signers
        return {name: one.accuracy for name, one in found.items()}

    @property
    def answer(self) -> str:
        """The accuracy in words."""
        return _answer(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON types, as a bundle holds them and ``--json`` prints them."""
        found = {
            "sentence": self.answer,
            "photos": len(self.index.dataset),
            "base_labels": len(self.base_labels),
            "taught": list(self.labels),
            "added": list(self.added),
        }
        if self.figures is None:
            return found
        metrics, interval = self.figures.metrics.to_dict(), self.figures.interval
        tested = {name: one for name, one in metrics["labels"].items() if one["support"]}
        return {
            **found,
            "test_accuracy": self.figures.mean,
            "test_interval": [interval.low, interval.high],
            "interval_method": interval.method,
            "interval_scope": interval.scope,
            "signers": metrics["signers"],
            "labels": tested,
            "most_confused": metrics["most_confused"],
            "rejection": self._rejection(),
        }

    def _rejection(self) -> dict[str, Any]:
        rows = np.concatenate([fold.probabilities for fold in self.folds])
        classes = np.concatenate([fold.tested.classes for fold in self.folds])
        return measure_rejection(rows, classes, self.recogniser.config.threshold).to_dict()

    def save(self, out: Path, command: str, settings: Any, *, digest: str, force: bool = False) -> None:
        """Save the recogniser as a run.

        Args:
            out: Folder of the run.
            command: Name of the command, for its ``config.json``.
            settings: Of the command.
            digest: Of the photos.
            force: Whether an earlier run is replaced.

        Raises:
            OutputError: The run cannot be written.
        """
        rows = zip(self.index.digests, self.index.stats, strict=True)
        known = known_photos((digest, stats.phash) for digest, stats in rows)
        if self.base is not None:
            known += _known_photos(self.base)
        trained_on = {**self.recogniser.config.trained_on, "data_digest": digest}
        config = replace(self.recogniser.config, trained_on=trained_on)
        with new_run(out, force=force) as folder:
            write_json(folder / "config.json", describe(command, settings, digest))
            write_json(folder / "metrics.json", self.to_dict())
            write_predictions(folder / "predictions.csv", self.folds)
            Recogniser(config, self.recogniser.files).save(folder / BUNDLE, self._card(), known)

    def _card(self) -> str:
        labels, people = self.recogniser.labels, len(self.index.dataset.signers)
        whose = f"{people or 'unknown'} {'person' if people == 1 else 'people'}"
        photos = f"{len(self.index.dataset)} photos of {whose}"
        how = f"to which {', '.join(self.labels)} were added" if self.base_labels else "trained"
        return (
            f"# {len(labels)} hand signs: {', '.join(labels)}\n\n"
            f"A handshape recogniser, {how} with {photos}.\n\n{self.answer}\n\n"
            "Use it with `handshape predict` or `handshape.load(...)`. It predicts one static hand shape in\n"
            "a photo. It does not understand a sign language: movement, place, face and grammar carry\n"
            "meaning that a single hand shape does not have.\n"
        )

    def __repr__(self) -> str:
        accuracy = "" if self.figures is None else f", accuracy {self.figures.mean:.3f}"
        return (
            f"TaughtSigns({len(self.added)} added to {len(self.base_labels)} labels, "
            f"{len(self.index.dataset)} photos{accuracy})"
        )

    def _repr_html_(self) -> str:
        rows = [(name, in_percent(share)) for name, share in self.signers.items()]
        table = html_table(("person left out", "correct"), rows) if rows else ""
        return paragraph(self.answer) + table


def teach(
    recogniser: Recogniser,
    index: ImageIndex,
    folds: tuple[Evaluation, ...],
    figures: FoldFigures | None,
    untested: float,
    base: Recogniser | None = None,
) -> TaughtSigns:
    """Return taught signs whose bundle says by whom they were taught, and how accurate they are."""
    taught = TaughtSigns(recogniser, index, folds, figures, untested, base)
    before = {} if base is None else base.config.trained_on
    trained_on = {
        "split": "signer" if folds else "random",
        "signers": sorted({*before.get("signers", ()), *index.dataset.signers}),
        "train": before.get("train", 0) + len(index.dataset),
        "valid": before.get("valid", 0),
        "test": sum(len(fold.tested) for fold in folds),
    }
    config = replace(recogniser.config, trained_on=trained_on, figures=taught.to_dict())
    return replace(taught, recogniser=Recogniser(config, recogniser.files))


def _known_photos(recogniser: Recogniser) -> bytes:
    """Return the digests of the photos that a recogniser was trained on, as far as they are known."""
    place, config = recogniser.folder, recogniser.config
    if place is None or KNOWN_PHOTOS not in config.digests or not (place / KNOWN_PHOTOS).exists():
        return b""
    return read_file(place, config, KNOWN_PHOTOS)


def _answer(taught: TaughtSigns) -> str:
    signers, figures = taught.index.dataset.signers, taught.figures
    if figures is None:
        return _accuracy_unknown(signers)
    if len(signers) == 2:
        each = " and ".join(f"{_percent(share)} of {name}'s photos" for name, share in taught.signers.items())
        text = (
            f"Taught by one person and tested on the other, it predicted {each} correctly. "
            "Two people are few: its accuracy on someone new may be quite different."
        )
    else:
        text = (
            f"Tested on each of {len(signers)} people after teaching by the others, it predicted "
            f"{_percent(figures.mean)} of the photos correctly on average, and {_percent(figures.worst)} for "
            f"{figures.worst_name}, the lowest. Expect about the average for someone new."
        )
        if len(signers) < _FEW_SIGNERS:
            text += f" {len(signers)} people are few, so it may be different."
    if taught.untested:
        text += (
            f" {_percent(taught.untested)} of the photos show a sign that only one person signs: "
            "the accuracy on these is not known."
        )
    return text


def _accuracy_unknown(signers: Sequence[str]) -> str:
    if not signers:
        return "Its accuracy is not known, because the file names do not say who signs."
    if len(signers) > 1:
        return "Its accuracy is not known, because nobody shows a sign that somebody else shows too."
    return (
        f"Its accuracy on anyone but {signers[0]} is not known: all photos are of one person. "
        "Ask someone else to sign, and train again."
    )


def _percent(share: float) -> str:
    return f"{100 if share == 1 else min(99, round(100 * share))} %"

"""What limits how far the headline of a report can be trusted."""

from collections.abc import Iterator
from dataclasses import dataclass

from handshape.data.checks.finding import count_of, listed
from handshape.data.dataset import Dataset
from handshape.evaluation.experiment import Experiment
from handshape.evaluation.intervals.grouping import ONE_SIGNER
from handshape.evaluation.report.headline import Headline
from handshape.synthetic.dataset import TRUTH

# Shares of test photos with a near-copy in training.
_MOSTLY, _PARTLY = 0.5, 0.05
# Loss of accuracy on mirrored photos, or in a new room, from which there is a caution.
MUCH_LOWER = 0.1


@dataclass(frozen=True)
class Caution:
    """A limit of the headline: a title of a few words, and a text of one to three sentences."""

    title: str
    text: str


def is_synthetic(dataset: Dataset) -> bool:
    """Return whether `handshape draw` made a data set, or one of its sources."""
    return any((dataset.root / place / TRUTH).is_file() for place in ("", *dataset.sources))


def find_cautions(experiment: Experiment, headline: Headline) -> list[Caution]:
    """Return the cautions for a report, the most serious first."""
    return [
        *_synthetic(experiment),
        *_sources(experiment, headline),
        *_leaks(experiment, headline),
        *_split(experiment, headline),
        *_mirror(experiment),
        *_data(experiment, headline),
    ]


def _synthetic(experiment: Experiment) -> Iterator[Caution]:
    if is_synthetic(experiment.data_report.split.dataset):
        yield Caution(
            "Drawn hands",
            "These hands were drawn by a program. The results show that everything works, "
            "but they tell you nothing about people.",
        )


def _sources(experiment: Experiment, headline: Headline) -> Iterator[Caution]:
    if headline.left_out != "source":
        return
    best, folded = experiment.best, experiment.folds[experiment.best.fitted.name]
    if best.accuracy - headline.accuracy > MUCH_LOWER:
        yield Caution(
            "Other rooms",
            f"With photos from the same sources in training, {100 * best.accuracy:.0f} % of the test photos "
            f"were classified correctly instead of {100 * headline.accuracy:.0f} %. The model works much "
            "better in rooms and with cameras of its training photos.",
        )
    if folded.signers_apart is False:
        yield Caution(
            "Known signers",
            "Some signers are in several sources, so the model was trained on photos of them from other "
            "rooms. The accuracy is for new rooms and cameras, not for new people.",
        )
    elif folded.signers_apart is None:
        yield Caution(
            "Signers not known",
            "The signers of some photos are unknown. If the same people are in several sources, the "
            "accuracy for new people may be lower.",
        )
    if folded.untested:
        yield Caution(
            "Not tested",
            f"{count_of(folded.untested, 'photo has', 'photos have')} no known source, or a label that no "
            "other source has, so they were not tested.",
        )


def _leaks(experiment: Experiment, headline: Headline) -> Iterator[Caution]:
    found = experiment.data_report.leaks
    if not found.leaking or headline.folds:
        return
    share = f"{100 * found.share:.0f} %" if found.share >= 0.01 else "Fewer than 1 %"
    if found.share >= _MOSTLY:
        meaning = "so the accuracy mostly measures memory. Expect less with new people."
    elif found.share >= _PARTLY:
        meaning = "so the accuracy is too high."
    else:
        meaning = "which is too few to change the accuracy much."
    yield Caution("Leak", f"{share} of the test photos have a near-copy in training, {meaning}")


def _split(experiment: Experiment, headline: Headline) -> Iterator[Caution]:
    kind, other, best = experiment.data_report.split.kind, experiment.random_split, experiment.best
    if headline.folds:
        return
    if headline.basis.kind != "unseen signers":
        title = {"known photos": "Known photos", "unseen sources": "Other sources"}
        default = {"random": "Random split", "given": "Given split"}.get(kind, "Known signers")
        yield Caution(title.get(headline.basis.kind, default), headline.basis.sentence)
    if other is not None:
        shown = ""
        if best.model in other.models:
            accuracy = 100 * other.models[best.model]["test_accuracy"]
            shown = (
                f", and {best.model} would show an accuracy of {accuracy:.1f} % instead of "
                f"{100 * best.accuracy:.1f} %"
            )
        yield Caution(
            "Near-copies kept together",
            "Near-copies are in the same split. With an ordinary random split, "
            f"{100 * other.leak_share:.0f} % of the test photos would have a near-copy in training{shown}.",
        )
    if headline.new_signers and headline.interval.scope == ONE_SIGNER:
        yield Caution(
            "One signer",
            "Only one signer was tested, and one person cannot show how much people differ. "
            "To test on everyone in turn, add --folds signers.",
        )


def _mirror(experiment: Experiment) -> Iterator[Caution]:
    plain, mirrored = experiment.best.accuracy, experiment.best.mirrored_accuracy
    if mirrored is not None and plain - mirrored > MUCH_LOWER:
        yield Caution("Left hands", mirror_sentence(plain, mirrored))


def mirror_sentence(plain: float, mirrored: float) -> str:
    """Say how much lower the accuracy on mirrored photos is."""
    return (
        f"Of the same photos mirrored, {100 * mirrored:.0f} % were classified correctly instead of "
        f"{100 * plain:.0f} %. Expect that loss with left-handed signers and mirrored webcams."
    )


def _data(experiment: Experiment, headline: Headline) -> Iterator[Caution]:
    serious = [one.message for one in experiment.data_report.findings if one.severity == "serious"]
    if serious:
        more = f" {len(serious) - 1} more below." if len(serious) > 1 else ""
        yield Caution("In the data", serious[0] + more)
    missing = headline.metrics.missing_labels
    if missing:
        yield Caution("Untested labels", f"No test photo shows {listed(missing)}, so nothing is known there.")

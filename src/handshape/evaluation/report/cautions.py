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
# Least difference of two accuracies that are shown with one decimal.
_SHOWN = 0.001
# Findings about the data that change what the accuracy means, by their kinds. Those about a label in the
# test photos are left out, because the test photos themselves tell more exactly.
_FINDINGS = {
    "background_gives_label_away": ("Not the hand", 88),
    "size_gives_label_away": ("Not the hand", 86),
    "mode_gives_label_away": ("Not the hand", 86),
    "border_gives_label_away": ("Not the hand", 86),
    "one_signer": ("One signer", 78),
    "plain_background": ("One background", 70),
    "one_room": ("One place", 70),
    "one_source": ("One source", 66),
    "no_training_photos": ("Labels that are never predicted", 64),
    "two_labels": ("Two labels", 58),
}
# A background that gives labels away only a little, and other findings.
_SLIGHT, _OTHER = 68, 40
_ELSEWHERE = ("no_test_photos", "no_split")


@dataclass(frozen=True)
class Caution:
    """A limit of the headline.

    Args:
        title: A few words.
        text: One to three sentences.
        weight: How much it changes how far the accuracy can be trusted, in [0, 100]; from 90 on, the accuracy
            says nothing about people.
    """

    title: str
    text: str
    weight: int = _OTHER


def is_synthetic(dataset: Dataset) -> bool:
    """Return whether `handshape draw` made a data set, or one of its sources."""
    return any((dataset.root / place / TRUTH).is_file() for place in ("", *dataset.sources))


def find_cautions(experiment: Experiment, headline: Headline) -> list[Caution]:
    """Return the cautions for a report, the most serious first."""
    found = [
        *_synthetic(experiment),
        *_sources(experiment, headline),
        *_leaks(experiment, headline),
        *_split(experiment, headline),
        *_mirror(experiment),
        *_suspects(experiment),
        *_data(experiment),
        *_untested(headline),
    ]
    return sorted(found, key=lambda one: -one.weight)


def _synthetic(experiment: Experiment) -> Iterator[Caution]:
    if is_synthetic(experiment.data_report.split.dataset):
        yield Caution(
            "Drawn hands",
            "These hands were drawn by a program. The results show that everything works, "
            "but they tell you nothing about people.",
            100,
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
            84,
        )
    if folded.signers_apart is False:
        yield Caution(
            "Known signers",
            "Some signers are in several sources, so the model was trained on photos of them from other "
            "rooms. The accuracy is for new rooms and cameras, not for new people.",
            82,
        )
    elif folded.signers_apart is None:
        yield Caution(
            "Signers not known",
            "The signers of some photos are unknown. If the same people are in several sources, the "
            "accuracy for new people may be lower.",
            80,
        )
    if folded.untested:
        yield Caution(
            "Not tested",
            f"{count_of(folded.untested, 'photo has', 'photos have')} no known source, or a label that no "
            "other source has, so they were not tested.",
            50,
        )


def _leaks(experiment: Experiment, headline: Headline) -> Iterator[Caution]:
    found = experiment.data_report.leaks
    if not found.leaking or headline.folds:
        return
    share = f"{100 * found.share:.0f} %" if found.share >= 0.01 else "Fewer than 1 %"
    if found.share >= _MOSTLY:
        meaning, weight = "so the accuracy mostly measures memory. Expect less with new people.", 90
    elif found.share >= _PARTLY:
        meaning, weight = "so the accuracy is too high.", 83
    else:
        meaning, weight = "which is too few to change the accuracy much.", 10
    yield Caution("Leak", f"{share} of the test photos have a near-copy in training, {meaning}", weight)


def _split(experiment: Experiment, headline: Headline) -> Iterator[Caution]:
    kind, other, best = experiment.data_report.split.kind, experiment.random_split, experiment.best
    if headline.folds:
        return
    basis = headline.basis.kind
    one_signer = any(one.kind == "one_signer" for one in experiment.data_report.findings)
    if basis == "known photos" or (basis != "unseen signers" and not one_signer):
        title = {"known photos": "Known photos", "unseen sources": "Other sources"}
        default = {"random": "Random split", "given": "Given split"}.get(kind, "Known signers")
        weight = 92 if basis == "known photos" else 80
        yield Caution(title.get(basis, default), headline.basis.sentence, weight)
    if other is not None:
        shown = ""
        if best.model in other.models:
            leaky, own = other.models[best.model]["test_accuracy"], best.accuracy
            instead = f" instead of {100 * own:.1f} %" if abs(leaky - own) >= _SHOWN else ", as here"
            shown = f", and {best.model} would show an accuracy of {100 * leaky:.1f} %{instead}"
        yield Caution(
            "Near-copies kept together",
            "Near-copies are in the same split. With an ordinary random split, "
            f"{100 * other.leak_share:.0f} % of the test photos would have a near-copy in training{shown}.",
            20,
        )
    if headline.new_signers and headline.interval.scope == ONE_SIGNER:
        yield Caution(
            "One signer", "Only one signer was tested. One person cannot show how much people differ.", 76
        )


def _mirror(experiment: Experiment) -> Iterator[Caution]:
    plain, mirrored = experiment.best.accuracy, experiment.best.mirrored_accuracy
    if mirrored is not None and plain - mirrored > MUCH_LOWER:
        yield Caution("Left hands", mirror_sentence(plain, mirrored), 62)


def mirror_sentence(plain: float, mirrored: float) -> str:
    """Say how much lower the accuracy on mirrored photos is."""
    return (
        f"Of the same photos mirrored, {100 * mirrored:.0f} % were classified correctly instead of "
        f"{100 * plain:.0f} %. Expect that loss with left-handed signers and mirrored webcams."
    )


def _suspects(experiment: Experiment) -> Iterator[Caution]:
    found = experiment.suspects
    if found is not None and found.photos:
        count = f"{len(found.photos):,} of {count_of(found.checked, 'label', 'labels')}"
        yield Caution("Labels to look at", f"{count} may be wrong. The photos are shown below.", 56)


def _data(experiment: Experiment) -> Iterator[Caution]:
    others, findings = [], experiment.data_report.findings
    one_place = any(one.kind in ("plain_background", "one_room") for one in findings)
    for one in findings:
        if one.kind == "one_source" and one_place:
            continue  # it would say the same
        if one.kind in _FINDINGS:
            title, weight = _FINDINGS[one.kind]
            slight = one.kind == "background_gives_label_away" and one.severity != "serious"
            yield Caution(title, one.message, _SLIGHT if slight else weight)
        elif one.severity == "serious" and one.kind not in _ELSEWHERE:
            others.append(one.message)
    if others:
        more = f" {len(others) - 1} more below." if len(others) > 1 else ""
        yield Caution("In the data", others[0] + more)


def _untested(headline: Headline) -> Iterator[Caution]:
    missing = headline.metrics.missing_labels
    if missing:
        yield Caution(
            "Untested labels", f"No test photo shows {listed(missing)}, so nothing is known there.", 60
        )

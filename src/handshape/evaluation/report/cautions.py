"""Whatever changes how far the answer of a report can be believed."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from handshape.data.checks.finding import count_of, listed
from handshape.data.dataset import Dataset
from handshape.evaluation.experiment import Experiment
from handshape.evaluation.intervals.grouping import ONE_SIGNER
from handshape.evaluation.report.headline import Headline
from handshape.synthetic.dataset import TRUTH

SPLIT_SENTENCES = {
    "signer": "Split by signer: nobody in test was seen in training.",
    "random": (
        "Random split: photos of the same person and room are on both sides. "
        "This figure says nothing about people or rooms that are not in the folder."
    ),
    "given": "The split was given with the data; whether it keeps people apart is not known here.",
}
# From these shares of test photos with a near-twin in training the figure is mostly, or partly, memory.
_MOSTLY, _PARTLY = 0.5, 0.05
# From this loss on mirrored photos, or in a room never seen, it belongs on the first screen.
_HANDED = _ELSEWHERE = 0.1


@dataclass(frozen=True)
class Caution:
    """Something that changes how far the answer can be believed.

    Args:
        title: In a few words.
        text: What it means, in a sentence or three.
    """

    title: str
    text: str


def is_synthetic(dataset: Dataset) -> bool:
    """Return whether `handshape draw` made a data set, or one of its sources."""
    return any((dataset.root / place / TRUTH).is_file() for place in ("", *dataset.sources))


def find_cautions(experiment: Experiment, answer: Headline) -> list[Caution]:
    """Collect what changes how far the answer can be believed, the gravest first."""
    return [
        *_drawn(experiment),
        *_elsewhere(experiment, answer),
        *_leaks(experiment, answer),
        *_split(experiment, answer),
        *_mirror(experiment),
        *_tuning(experiment),
        *_data(experiment, answer),
    ]


def _drawn(experiment: Experiment) -> Iterator[Caution]:
    if is_synthetic(experiment.data_report.split.dataset):
        yield Caution(
            "Drawn hands",
            "These hands were drawn by a program. The figures show that everything works; "
            "they say nothing about people.",
        )


def _elsewhere(experiment: Experiment, answer: Headline) -> Iterator[Caution]:
    """Yield what is to be said of sources that were left out."""
    if answer.left_out != "source":
        return
    best, folded = experiment.best, experiment.folds[experiment.best.fitted.name]
    if best.accuracy - answer.accuracy > _ELSEWHERE:
        yield Caution(
            "Other rooms",
            f"With photos of the same sources in training, {100 * best.accuracy:.0f} % of the test photos "
            f"are read right instead of {100 * answer.accuracy:.0f} %. What was learnt holds for these rooms "
            "and cameras only.",
        )
    if folded.signers_apart is False:
        yield Caution(
            "Known signers",
            "Some signers are in several sources: the model had seen them, in other rooms. The figure "
            "speaks of new rooms and cameras, not of new people.",
        )
    elif folded.signers_apart is None:
        yield Caution(
            "Signers not known",
            "Who signs is not known of every photo. If the same people are in several sources, new people "
            "may be read worse.",
        )
    if folded.untested:
        yield Caution(
            "Not tested",
            f"{count_of(folded.untested, 'photo has', 'photos have')} no known source, or a label that no "
            "other source shows: nothing was learnt that could be tested on them.",
        )


def _leaks(experiment: Experiment, answer: Headline) -> Iterator[Caution]:
    found = experiment.data_report.leaks
    if not found.leaking or answer.folds:
        return
    share = f"{100 * found.share:.0f} %" if found.share >= 0.01 else "Fewer than 1 %"
    if found.share >= _MOSTLY:
        meaning = "this figure is mostly memory, and will not hold on new people."
    elif found.share >= _PARTLY:
        meaning = "this figure is partly memory, and too good."
    else:
        meaning = "too few to change the figure much."
    yield Caution("Leak", f"{share} of the test photos have a near-twin in training: {meaning}")


def _split(experiment: Experiment, answer: Headline) -> Iterator[Caution]:
    kind, other = experiment.data_report.split.kind, experiment.ungrouped
    if answer.folds:
        return
    if kind == "random":
        # The title says the first two words already.
        text = SPLIT_SENTENCES["random"].removeprefix("Random split: ")
        yield Caution("Random split", text[0].upper() + text[1:])
    elif not answer.new_signers:
        yield Caution("Given split", SPLIT_SENTENCES["given"])
    if other is not None:
        best = experiment.best
        alone = other.test_accuracy.get(best.fitted.name)
        read = ""
        if alone is not None:
            read = (
                f" and {best.fitted.name} would read {100 * alone:.1f} % right, "
                f"against {100 * best.accuracy:.1f} % with bursts kept together"
            )
        yield Caution(
            "Bursts kept together",
            "Near-identical photos are on one side of the split. Had they been dealt out one by one, "
            f"{100 * other.leak_share:.0f} % of the test photos would have a near-twin in training{read}.",
        )
    if answer.new_signers and answer.interval.scope == ONE_SIGNER:
        yield Caution(
            "One signer",
            "A single signer was tested. The interval is about more photos of that signer; how people differ "
            "cannot be seen in one. Leave every signer out once with --folds signers.",
        )


def _mirror(experiment: Experiment) -> Iterator[Caution]:
    plain, mirrored = experiment.best.accuracy, experiment.best.mirrored_accuracy
    if mirrored is not None and plain - mirrored > _HANDED:
        yield Caution(
            "Left hands",
            f"Of the same photos mirrored, {100 * mirrored:.0f} % are read right instead of "
            f"{100 * plain:.0f} %: left-handed signers and mirrored webcams are read worse.",
        )


def _tuning(experiment: Experiment) -> Iterator[Caution]:
    """Say why tuning gained nothing, where it was tried beside the frozen network and did not."""
    found = {result.fitted.name: result for result in experiment.results}
    if "frozen" not in found or "finetune" not in found:
        return
    frozen, tuned = found["frozen"], found["finetune"]
    if tuned.accuracy > frozen.accuracy:
        return
    if frozen.accuracy == 1:
        reason = "the frozen network reads every test photo right already, so there was nothing to gain."
    elif np.array_equal(tuned.probabilities, frozen.probabilities):
        reason = "no epoch of tuning read valid better than the frozen network, which was kept."
    else:
        before, after = frozen.fitted.valid_accuracy, tuned.fitted.valid_accuracy
        reason = (
            f"{100 * after:.1f} % of valid are read right instead of {100 * before:.1f} %, "
            f"of test {100 * tuned.accuracy:.1f} % instead of {100 * frozen.accuracy:.1f} %: "
            "what it learnt from these photos says nothing more about others."
        )
    yield Caution("Tuning gained nothing", reason[0].upper() + reason[1:])


def _data(experiment: Experiment, answer: Headline) -> Iterator[Caution]:
    serious = [one.message for one in experiment.data_report.findings if one.severity == "serious"]
    if serious:
        more = f" {len(serious) - 1} more below." if len(serious) > 1 else ""
        yield Caution("In the data", serious[0] + more)
    if answer.metrics.missing_labels:
        yield Caution(
            "Untested labels",
            f"No test photo shows {listed(answer.metrics.missing_labels)}: "
            "nothing is known of how well they are read.",
        )

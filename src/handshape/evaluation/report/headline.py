"""The headline of the report: the most important accuracy, in a sentence."""

from dataclasses import dataclass

from handshape.data.checks.finding import count_of
from handshape.data.dataset import GroupKind
from handshape.data.splits.claim import AccuracyClaim
from handshape.evaluation.experiment import Experiment
from handshape.evaluation.intervals.accuracy import Interval
from handshape.evaluation.intervals.grouping import TWO_SOURCES
from handshape.evaluation.intervals.next_group import NextGroup
from handshape.evaluation.metrics import Metrics


@dataclass(frozen=True)
class Headline:
    """The accuracy that the report shows first.

    Args:
        accuracy: Mean over the signers or sources that were left out once, else the test accuracy.
        interval: Its 95 % interval.
        metrics: The metrics it comes from.
        basis: What it may claim.
        left_out: What was left out once in turn, if anything.
        folds: Number of folds, 0 if nothing was left out.
        next_group: Range for the accuracy of one more signer or source, if there are folds of three or more.
        worst: The signer, or the left-out source, with the lowest accuracy, and that accuracy; None if only
            one was tested, or all are perfect.
    """

    accuracy: float
    interval: Interval
    metrics: Metrics
    basis: AccuracyClaim
    left_out: GroupKind | None
    folds: int
    worst: tuple[str, float] | None
    next_group: NextGroup | None = None

    @property
    def new_signers(self) -> bool:
        """Whether nobody in the test photos is in the training photos."""
        return self.basis.new_signers is True

    @property
    def sentence(self) -> str:
        """The headline in a sentence, without its full stop."""
        return "; ".join(filter(None, (f"{self.claim} ({self.bounds})", self.next_range, self.weakest)))

    @property
    def claim(self) -> str:
        """How many photos were classified correctly, and of whom."""
        if self.left_out is not None:
            what = "room, camera or collection" if self.left_out == "source" else "signer"
            known = self.left_out == "source" or self.new_signers
            whom = f" when their {what} was not in the training data{'' if known else ', as far as known'}"
        else:
            whom = self.basis.whom
        text = correct_of_100(self.accuracy, self.metrics.n)
        return f"{text[0].upper()}{text[1:]}{whom}"

    @property
    def bounds(self) -> str:
        """The 95 % interval, in words."""
        only = " for these two" if self.interval.scope == TWO_SOURCES else ""
        of = f" of the mean over {self.folds} {self.left_out}s" if self.left_out and not only else ""
        return f"95 % interval{of}{only}: {100 * self.interval.low:.0f}–{100 * self.interval.high:.0f} %"

    @property
    def next_range(self) -> str:
        """The range for one more signer or source, in words; empty if there is none."""
        if self.next_group is None:
            return ""
        low, high = 100 * self.next_group.low, 100 * self.next_group.high
        photos = count_of(self.next_group.photos, "photo", "photos")
        return f"expect {low:.0f}–{high:.0f} % for one more {self.left_out} on {photos}"

    @property
    def filled_dots(self) -> int:
        """How many of 100 dots are filled; all or none only if that is exact."""
        return filled_of_100(self.accuracy)

    @property
    def weakest(self) -> str:
        """The worst of the left-out sources and the most frequent mistake, in words; empty if none."""
        found = []
        if self.left_out == "source" and self.worst is not None:
            found.append(f"worst source: {self.worst[0]}, {min(round(100 * self.worst[1]), 99)} %")
        confused = self.metrics.most_confused
        if confused:
            found.append(f"most frequent mistake: {confused.true} predicted as {confused.predicted}")
        return "; ".join(found)


def filled_of_100(share: float) -> int:
    """Return a share in percent, 0 or 100 only if that is exact."""
    return min(max(round(100 * share), int(share > 0)), 99 + int(share == 1))


def correct_of_100(share: float, count: int) -> str:
    """Say how many of 100 photos were classified correctly; "all" or "none" only if that is exact."""
    if share == 1:
        return f"all {count:,} test photos were classified correctly"
    if share == 0:
        return f"none of the {count:,} test photos was classified correctly"
    whole = round(100 * share)
    text = {0: "fewer than 1", 100: "more than 99"}.get(whole, f"about {whole}")
    return f"{text} of 100 test photos were classified correctly"


def find_headline(experiment: Experiment) -> Headline:
    """Return the accuracy of the saved model: over all folds if there are any, else on the test photos."""
    best = experiment.best
    folded = experiment.folds.get(best.fitted.name)
    if folded is not None:
        worst = (folded.worst_name, folded.worst) if folded.worst < 1 else None
        count = len(folded.groups)
        claim = experiment.claim
        return Headline(
            folded.mean,
            folded.interval,
            folded.metrics,
            claim,
            folded.kind,
            count,
            worst,
            folded.next_group,
        )
    signers = {name: figures.accuracy for name, figures in best.metrics.signers.items()}
    name = min(signers, key=lambda signer: signers[signer]) if len(signers) > 1 else None
    worst = (name, signers[name]) if name is not None and signers[name] < 1 else None
    return Headline(best.accuracy, best.interval, best.metrics, experiment.claim, None, 0, worst)

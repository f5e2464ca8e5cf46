"""What the report says first: the answer in a sentence."""

from dataclasses import dataclass

from handshape.data.dataset import GroupKind
from handshape.evaluation.experiment import Experiment
from handshape.evaluation.intervals.accuracy import Interval
from handshape.evaluation.intervals.grouping import TWO_SOURCES
from handshape.evaluation.metrics import Metrics


@dataclass(frozen=True)
class Headline:
    """The figure that the report puts first.

    Args:
        accuracy: Share read right: the mean over signers or sources that were left out once, else on test.
        interval: 95 % interval of it.
        metrics: The figures it comes from.
        new_signers: Whether those tested were not seen in training.
        left_out: What was left out once in turn, if that was done.
        folds: How many of them, 0 if that was not done.
        worst: The signer, or the source that was left out, which is read worst, and the share of its photos
            read right, where several were tested and one of them is not read without a mistake.
    """

    accuracy: float
    interval: Interval
    metrics: Metrics
    new_signers: bool
    left_out: GroupKind | None
    folds: int
    worst: tuple[str, float] | None

    @property
    def sentence(self) -> str:
        """The answer in a sentence, without its full stop."""
        return f"{self.claim} ({self.bounds}); {self.weakest}"

    @property
    def claim(self) -> str:
        """On whom it was tested, and how many photos are read right."""
        whom = "On a signer it has never seen" if self.new_signers else "On photos like these"
        if self.left_out == "source":
            whom = "In rooms, cameras or collections it has never seen"
        return f"{whom}, {correct_of_100(self.accuracy, self.metrics.n)}"

    @property
    def bounds(self) -> str:
        """The 95 % interval in percent, and that it is about two sources only where it is."""
        whom = ", of these two only" if self.interval.scope == TWO_SOURCES else ""
        return f"95 %{whom}: {100 * self.interval.low:.0f} to {100 * self.interval.high:.0f}"

    @property
    def dots(self) -> int:
        """How many of 100 dots are full; all of them, or none, only where that is so."""
        return min(max(round(100 * self.accuracy), int(self.accuracy > 0)), 99 + int(self.accuracy == 1))

    @property
    def weakest(self) -> str:
        """The source read worst, where sources were left out, and the mistake made most often, in words."""
        confused = self.metrics.most_confused
        mistake = (
            f"weakest: {confused.true} read as {confused.predicted}" if confused else "no mistake was made"
        )
        if self.left_out == "source" and self.worst is not None:
            return f"worst in {self.worst[0]}: {min(round(100 * self.worst[1]), 99)} %; {mistake}"
        return mistake


def correct_of_100(share: float, count: int) -> str:
    """Say of how many of 100 photos something is true, and never call all what is not all.

    Args:
        share: In [0, 1].
        count: Number of photos it was counted on.
    """
    if share == 1:
        return f"all {count:,} test photos are read right"
    if share == 0:
        return f"none of {count:,} test photos is read right"
    whole = round(100 * share)
    if whole in (0, 100):
        return f"{'fewer than 1' if whole == 0 else 'more than 99'} of 100 photos are read right"
    return f"about {whole} of 100 photos are read right"


def find_headline(experiment: Experiment) -> Headline:
    """Take the figure to put first: that of the best model, over all that were left out once if any were."""
    best = experiment.best
    folded = experiment.folds.get(best.fitted.name)
    if folded is not None:
        worst = (folded.worst_name, folded.worst) if folded.worst < 1 else None
        new = folded.kind == "signer" or folded.signers_apart is True
        count = len(folded.groups)
        return Headline(folded.mean, folded.interval, folded.metrics, new, folded.kind, count, worst)
    signers = {name: figures.accuracy for name, figures in best.metrics.signers.items()}
    name = min(signers, key=lambda signer: signers[signer]) if len(signers) > 1 else None
    worst = (name, signers[name]) if name is not None and signers[name] < 1 else None
    return Headline(
        best.accuracy,
        best.interval,
        best.metrics,
        _keeps_signers_apart(experiment),
        None,
        0,
        worst,
    )


def _keeps_signers_apart(experiment: Experiment) -> bool:
    split = experiment.data_report.split
    if split.kind != "given":
        return split.kind == "signer"
    tested = {sample.signer for sample in split.dataset.on("test").samples}
    learned = {s.signer for s in split.dataset.samples if s.split != "test"}
    return None not in tested | learned and not tested & learned

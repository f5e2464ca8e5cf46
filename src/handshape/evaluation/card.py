"""The model card: what a bundle's README says of it."""

from typing import Any

from handshape.evaluation.judge import Judged
from handshape.evaluation.report import environment, split_words


def model_card(result: Judged, labels: tuple[str, ...], kind: str, trained_on: dict[str, Any]) -> str:
    """Write the model card of a recogniser in Markdown.

    Args:
        result: Its figures.
        labels: K labels.
        kind: Kind of split it was measured on.
        trained_on: Counts and signers of the training data.
    """
    backbone = result.fitted.config.backbone
    return (
        environment()
        .get_template("card.md")
        .render(
            labels=labels,
            network=f"a head on a frozen {backbone}" if backbone else "a small CNN trained from scratch",
            accuracy=result.accuracy,
            low=result.interval.low,
            high=result.interval.high,
            count=len(result.tested),
            split_words=split_words(kind),
            threshold=result.rejection.threshold,
            coverage=result.rejection.coverage,
            mirrored=result.mirrored_accuracy,
            scope=result.interval.scope,
            trained_on=trained_on,
        )
    )

"""What notebooks show of a recogniser: what it is, its figures, and its card."""

from html import escape

from handshape.bundle import CARD, BundleConfig
from handshape.config.models import MODELS
from handshape.notebook import html_table, in_percent, paragraph, percents

# Labels that a line names.
_SHOWN = 6


def describe_recogniser(config: BundleConfig) -> str:
    """Return a recogniser in a line."""
    labels, network = config.labels, config.network
    shown = ", ".join(labels[:_SHOWN]) + (", ..." if len(labels) > _SHOWN else "")
    parts = [network.model, f"{len(labels)} label{'' if len(labels) == 1 else 's'} ({shown})"]
    if network.backbone is not None:
        parts.append(network.backbone)
    if config.figures.get("test_accuracy") is not None:
        parts.append(f"test accuracy {config.figures['test_accuracy']:.3f}")
    return f"Recogniser({', '.join(parts)})"


def recogniser_html(config: BundleConfig, card: str) -> str:
    """Return what a notebook shows: model, labels, figures, and the text of the card."""
    network, figures = config.network, config.figures
    backbone = "" if network.backbone is None else f" ({network.backbone})"
    rows = [
        ("model", f"{network.model}: {MODELS[network.model].words}{backbone}"),
        ("labels", f"{len(config.labels)}: {', '.join(config.labels)}"),
        ("unsure below", f"{config.threshold:.2f}"),
    ]
    accuracy, interval = figures.get("test_accuracy"), figures.get("test_interval")
    if accuracy is not None:
        about = "" if interval is None else f" (95 % interval: {percents(interval)})"
        rows.append(("test accuracy", in_percent(accuracy) + about))
    left_out = figures.get("left_out")
    if left_out:
        rows.append((f"each {left_out['kind']} left out", f"{in_percent(left_out['mean'])} on average"))
    shown = html_table(("Recogniser", ""), rows, words=True)
    if accuracy is None:
        shown += paragraph("Its accuracy has not been measured.")
    if card:
        shown += f"<details><summary>{CARD}</summary><pre>{escape(card)}</pre></details>"
    return shown

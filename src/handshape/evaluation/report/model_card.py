"""The model card: a bundle's README, with the metadata for the Hugging Face hub."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from handshape.config.models import MODELS
from handshape.data.splits.claim import AccuracyClaim
from handshape.evaluation.report.page import environment
from handshape.models.network_config import NetworkConfig

_SPLITS = {"signer": "split by signer", "random": "split at random", "given": "split as given"}


def model_card(
    labels: tuple[str, ...],
    network: NetworkConfig,
    threshold: float,
    trained_on: Mapping[str, Any],
    figures: Mapping[str, Any],
) -> str:
    """Return the model card of a recogniser in Markdown, without names of signers, sources or photos.

    Args:
        labels: K labels.
        network: Description of the network.
        threshold: Probability below which the answer is "unsure", in [0, 1].
        trained_on: ``train`` and ``valid`` photos, ``signers`` and kind of ``split`` of the training data.
        figures: The model's part of ``metrics.json``, with ``left_out`` if there were folds; empty if
            nothing was measured.

    Source: https://huggingface.co/docs/hub/model-cards, for the metadata.
    """
    tested = sum(label["support"] for label in figures["labels"].values()) if figures else 0
    split = trained_on.get("split", "")
    cards = environment()
    cards.filters.update(yaml=_quoted, plain=_escaped)
    return cards.get_template("card.md").render(
        labels=labels,
        network_words=_words_of(network),
        hands=MODELS[network.model].hand_landmarks,
        threshold=threshold,
        trained_on=trained_on,
        figures=figures,
        metrics=list(_metrics(figures)) if figures else [],
        tested=tested,
        data_words=f"The owner's photos ({tested} test photos, {_SPLITS.get(split, 'no split')})",
        split_sentence=AccuracyClaim.from_dict(figures["claim"]).sentence if figures else "",
        weakest=_weakest(figures["labels"]) if figures else [],
        signers=sorted(one["accuracy"] for one in figures["signers"].values()) if figures else [],
        no_hand=figures.get("no_hand_refused"),
        left_out=figures.get("left_out"),
    )


def _words_of(network: NetworkConfig) -> str:
    words = MODELS[network.model].words
    return words if network.backbone is None else f"{words} ({network.backbone})"


def _metrics(figures: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    low, high = figures["test_interval"]
    yield {"type": "accuracy", "value": figures["test_accuracy"], "name": "Accuracy"}
    yield {"type": "accuracy", "value": low, "name": "Accuracy, lower end of the 95 % interval"}
    yield {"type": "accuracy", "value": high, "name": "Accuracy, upper end of the 95 % interval"}
    yield {"type": "f1", "value": figures["macro_f1"], "name": "Macro F1"}
    if figures["mirrored_accuracy"] is not None:
        mirrored = figures["mirrored_accuracy"]
        yield {"type": "accuracy", "value": mirrored, "name": "Accuracy on the mirrored photos"}
    left_out = figures.get("left_out")
    if left_out:
        words = f"Mean accuracy, each {left_out['kind']} left out once"
        yield {"type": "accuracy", "value": left_out["mean"], "name": words}
    error = figures["calibration"]["after"]["ece"]
    yield {"type": "expected_calibration_error", "value": error, "name": "Expected calibration error"}


def _weakest(labels: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    # Untested labels first: nothing is known about them.
    return sorted(labels.items(), key=lambda item: -1.0 if item[1]["recall"] is None else item[1]["recall"])


def _quoted(text: str) -> str:
    """Quote text for YAML: as JSON, but with escapes for unprintable characters."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in quoted)


def _escaped(text: str) -> str:
    """Escape Markdown and HTML."""
    spaced = " ".join(text.split())
    return "".join(f"\\{one}" if one in "\\`*_[]<>|#" else one for one in spaced)

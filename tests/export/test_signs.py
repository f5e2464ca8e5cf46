"""Signs that are added in JavaScript, beside those that are added in Python."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from handshape.export.signs import signs_of
from handshape.models.combined import CombinedClassifier
from handshape.models.hand.hand_finder import LANDMARK_WIDTH
from handshape.models.hand.landmark_classifier import LandmarkClassifier
from handshape.network_bundle import network_of
from handshape.recogniser import Recogniser, load
from handshape.training.add_signs import add_signs, join_labels
from handshape.types import HandRows

from .node import in_node
from .test_onnx import untrained

_FIT = """
import { readSigns, Signs } from "./signs.js";
const signs = new Signs(readSigns(given.base), given.examples);
const rows = given.examples.map(({ row }) => signs.logProbabilities(row));
found = { labels: signs.labels, rows, expects: signs.expectsHand };
"""


def examples_of(network: LandmarkClassifier, names: list[str]) -> list[dict[str, Any]]:
    """Return hands near those of a classifier, and two photos without one."""
    rng = np.random.default_rng(0)
    means = network.pose.means.numpy()
    rows = means[rng.integers(0, len(means), 30)] + rng.normal(0, 0.1, (30, 88))
    rows[[4, 5]] = 0
    rows = rows.astype(np.float16).astype(np.float64)
    mirrored = (rows[:, LANDMARK_WIDTH:] + rng.normal(0, 0.2, (30, 25))).astype(np.float16).astype(np.float64)
    mirrored[[4, 5]] = 0
    return [
        {
            "label": names[number % len(names)],
            "signer": "Ana",
            "found": bool(row.any()),
            "row": row.tolist(),
            "mirrored": rest.tolist(),
        }
        for number, (row, rest) in enumerate(zip(rows, mirrored, strict=True))
    ]


def hands_of(examples: list[dict[str, Any]]) -> HandRows:
    """Return examples as Python holds them."""
    rows, rests = (np.array([one[key] for one in examples], dtype=np.float32) for key in ("row", "mirrored"))
    mirrored = np.concatenate([rows[:, :LANDMARK_WIDTH], rests], axis=1)
    return HandRows(rows, np.ones(len(rows), dtype=np.bool_), mirrored)


def compare(
    tmp_path: Path, recogniser: Any, base: LandmarkClassifier, names: list[str]
) -> NDArray[np.float64]:
    """Add signs in both languages, and return by how much log-probabilities differ."""
    told, examples = signs_of(recogniser), examples_of(base, names)
    found = in_node(tmp_path / "node", _FIT, {"base": told, "examples": examples})
    names = [one["label"] for one in examples]
    network = add_signs(base, recogniser.labels, hands_of(examples), names)
    with torch.inference_mode():
        logits = network.classify(torch.tensor([one["row"] for one in examples]))
    assert told is not None
    expected = (logits / told["calibration"]).log_softmax(dim=1).numpy()
    assert tuple(found["labels"]) == join_labels(recogniser.labels, names)
    assert found["expects"] == network.expects_hand
    differences: NDArray[np.float64] = np.abs(np.array(found["rows"]) - expected)
    # Below 1e-200, float32 cannot tell more.
    return np.asarray(differences[expected > -460])


def test_signs__are_those_of_python_added_to_asl(tmp_path: Path) -> None:
    asl = load("asl")
    recogniser = Recogniser(replace(asl.config, temperature=1.5), asl.files)
    network = network_of(recogniser)
    assert isinstance(network, LandmarkClassifier)
    differences = compare(tmp_path, recogniser, network, ["hello", "A", "yes"])
    assert len(differences) > 400 and differences.max() < 1e-4


@pytest.mark.slow
def test_signs__are_those_of_python_added_to_a_combined_model(tmp_path: Path) -> None:
    recogniser = untrained("combined", tmp_path)
    network = network_of(recogniser)
    assert isinstance(network, CombinedClassifier)
    assert compare(tmp_path, recogniser, network.landmarks, ["B", "nothing", "hello"]).max() < 1e-4
    assert signs_of(untrained("frozen", tmp_path)) is None

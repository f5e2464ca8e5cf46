import xml.etree.ElementTree as ET

import numpy as np
import pytest

from handshape.evaluation.calibration import Calibration, measure_reliability
from handshape.evaluation.rejection import Rejection, measure_rejection
from handshape.evaluation.report import metric_plots

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()).strip() for element in ET.fromstring(svg).iter(f"{SVG}text")]


def answers(right: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first of ``count`` photos are read right; how sure each answer is falls from 0.99 to 0.6."""
    sure = np.linspace(0.99, 0.6, count)
    return np.stack([sure, 1 - sure], axis=1), (np.arange(count) >= right).astype(np.int64)


@pytest.mark.parametrize("right, count", [(1, 1), (0, 3), (30, 40)])
def test_reliability__says_the_calibration_errors(right: int, count: int) -> None:
    measured = measure_reliability(*answers(right, count))
    svg = metric_plots.reliability("cnn", Calibration(1.0, measured, measured), None)
    assert f"test, after scaling: ECE {measured.ece:.3f}" in texts(svg)
    with_folds = metric_plots.reliability("cnn", Calibration(1.0, measured, measured), measured)
    assert f"signers left out, after scaling: ECE {measured.ece:.3f}" in texts(with_folds)
    of_sources = metric_plots.reliability("cnn", Calibration(1.0, measured, measured), measured, "source")
    assert f"sources left out, after scaling: ECE {measured.ece:.3f}" in texts(of_sources)


@pytest.mark.parametrize("right, count, threshold", [(1, 1, 0.5), (0, 3, 1.0), (30, 40, 0.7)])
def test_coverage__shows_the_threshold_where_anything_is_answered(
    right: int, count: int, threshold: float
) -> None:
    rejection: Rejection = measure_rejection(*answers(right, count), threshold)
    found = texts(metric_plots.coverage("cnn", rejection, rejection.curve))
    assert "every signer left out once" in found
    assert "every source left out once" in texts(
        metric_plots.coverage("cnn", rejection, rejection.curve, "source")
    )
    assert (f"chosen threshold, {threshold:.2f}" in found) == (rejection.answered_accuracy is not None)

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from handshape.evaluation import plots
from handshape.training.history import Epoch

SVG = "{http://www.w3.org/2000/svg}"


def history(epochs: int, loss: float = 1.0) -> list[Epoch]:
    return [Epoch(n, loss / n, 0.5, 0.25, 1.0) for n in range(1, epochs + 1)]


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()).strip() for element in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("epochs", [1, 7, 21, 120])
def test_learning_curves__names_models_sides_and_units(epochs: int) -> None:
    found = " ".join(texts(plots.learning_curves({"cnn": history(epochs), "frozen": history(1)})))
    for words in (
        "cnn, train",
        "cnn, valid",
        "frozen, train",
        "frozen, valid",
        "cross-entropy (nats)",
        "(%)",
    ):
        assert words in found


def test_learning_curves__survives_a_loss_that_is_no_number() -> None:
    assert "cnn, train" in texts(plots.learning_curves({"cnn": history(3, float("nan"))}))


def test_learning_curves__same_bytes_for_the_same_history() -> None:
    assert plots.learning_curves({"cnn": history(3)}) == plots.learning_curves({"cnn": history(3)})


@pytest.mark.parametrize("labels", [("A", "B"), ("A", "B", "C & <D>"), tuple(f"label{n}" for n in range(30))])
def test_confusion__writes_every_count_that_is_not_zero(labels: tuple[str, ...]) -> None:
    matrix = np.zeros((len(labels), len(labels)), dtype=np.int64)
    matrix[0, 1], matrix[1, 1] = 1234, 77
    found = texts(plots.confusion(matrix, labels))
    assert found.count("1234") == found.count("77") == 1
    assert "0" not in found
    assert all(found.count(label) == 2 for label in labels)
    assert {"read as", "is"} <= set(found)


def test_to_svg__takes_its_ink_from_the_page() -> None:
    svg = plots.confusion(np.eye(2, dtype=np.int64), ("A", "B"))
    assert "currentColor" in svg and "#010203" not in svg
    assert svg.startswith("<svg") and "<dc:date>" not in svg


def test_write_svg__is_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "plots" / "confusion.svg"
    plots.write_svg(path, plots.confusion(np.eye(2, dtype=np.int64), ("Ä", "B")))
    root = ET.parse(path).getroot()
    assert root.tag == f"{SVG}svg"
    assert "Ä" in texts(ET.tostring(root, encoding="unicode"))

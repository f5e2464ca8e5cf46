import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from handshape.evaluation.report import plots
from handshape.training.history import Epoch

SVG = "{http://www.w3.org/2000/svg}"
PASS = "pass over the training photos"


def history(epochs: int, loss: float = 1.0) -> list[Epoch]:
    return [Epoch(n, loss / n, 0.5, 0.25, 1.0) for n in range(1, epochs + 1)]


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()).strip() for element in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("epochs", [1, 7, 31, 120])
def test_learning_curves__names_sides_and_units(epochs: int) -> None:
    svg = plots.learning_curves("cnn", history(epochs), PASS)
    assert {"training", "validation", "loss (nats)", "accuracy (%)", PASS} <= set(texts(svg))
    assert "ends at 25.0 %" in ET.fromstring(svg).attrib["aria-label"]


def test_learning_curves__survives_a_loss_that_is_no_number() -> None:
    assert "training" in texts(plots.learning_curves("cnn", history(3, float("nan")), PASS))


@pytest.mark.parametrize(
    "labels",
    [
        ("A", "B"),
        ("A", "B", "C & <D>"),
        ("$x$", "$\\bad{"),
        tuple(f"label{n}" for n in range(30)),
        ("手", "é"),
    ],
)
def test_confusion__writes_every_count_that_is_not_zero(labels: tuple[str, ...]) -> None:
    matrix = np.zeros((len(labels), len(labels)), dtype=np.int64)
    matrix[0, 1], matrix[1, 1] = 1234, 77
    svg = plots.confusion("cnn", matrix, labels)
    found = texts(svg)
    assert found.count("1234") == found.count("77") == 1
    assert "0" not in found
    assert all(found.count(label) == 2 for label in labels)
    assert {"predicted", "true"} <= set(found)
    assert "77 of 1311 photos on the diagonal" in ET.fromstring(svg).attrib["aria-label"]


def test_confusion__marks_mistakes_by_more_than_colour() -> None:
    svg = plots.confusion("cnn", np.array([[5, 3], [0, 7]]), ("A", "B"))
    bold = [e for e in ET.fromstring(svg).iter(f"{SVG}text") if "700" in e.attrib["style"]]
    assert ["".join(element.itertext()).strip() for element in bold] == ["3"]


def test_confusion__cuts_long_names() -> None:
    found = texts(plots.confusion("cnn", np.eye(2, dtype=np.int64), ("B" * 60, "A")))
    assert found.count("B" * 13 + "…") == 2


def test_to_svg__two_plots_share_no_id_and_find_their_own() -> None:
    both = [plots.learning_curves(name, history(3), PASS) for name in ("cnn", 'fro"zen')]
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in both]
    assert ids[0] and not ids[0] & ids[1]
    for svg, own in zip(both, ids, strict=True):
        assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg)) <= own


def test_to_svg__escapes_the_words_for_screen_readers() -> None:
    svg = plots.to_svg(plots.new_figure(1, 1), "x", 'a "b" <c> & é')
    assert ET.fromstring(svg).attrib["aria-label"] == 'a "b" <c> & é'


def test_write_svg__is_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "plots" / "confusion.svg"
    plots.write_svg(path, plots.confusion("cnn", np.eye(2, dtype=np.int64), ("Ä", "B")))
    root = ET.parse(path).getroot()
    assert root.tag == f"{SVG}svg"
    assert "Ä" in texts(ET.tostring(root, encoding="unicode"))
    assert "prefers-color-scheme:dark" in path.read_text(encoding="utf-8")

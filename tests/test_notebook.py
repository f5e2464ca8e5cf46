"""The way of somebody in a notebook: read, look, train, show, predict, evaluate, plot, cross-validate."""

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from tests.conftest import draw_photos

CELLS = (
    "import handshape",
    "photos = handshape.read_folder('photos', signer=r'(signer\\d+)_')\nphotos",
    "photos.show(columns=4)",
    "handshape.inspect(photos)",
    "names = 'frozen,landmarks'\n"
    "report = handshape.compare(photos, models=names, backbone='handnet', out='runs/first')\nreport",
    "report.plot.accuracy()",
    "report.plot.confusion()",
    "report.recogniser",
    "report.recogniser.predict(photos[0].image())",
    "report.recogniser.predict(['photos/A', 'photos/B'])[:2]",
    "handshape.evaluate(report.recogniser, 'others')",
    "frame = photos.to_frame()\nframe.head()",
    "from sklearn.linear_model import LogisticRegression\n"
    "from sklearn.model_selection import GroupKFold, cross_val_score\n"
    "from sklearn.pipeline import make_pipeline\n"
    "pipeline = make_pipeline(handshape.HandFeatures(backbone='handnet'), LogisticRegression())\n"
    "X, y = frame['path'].tolist(), frame['label']\n"
    "cross_val_score(pipeline, X, y, groups=frame['signer'], cv=GroupKFold(4)).mean()",
)
# The kind of output that each cell must have.
SHOWN = {
    1: ("text/html", "data:image/png;base64,"),
    2: ("image/png", ""),
    3: ("text/html", "split by signer"),
    4: ("text/html", "95 % interval"),
    5: ("image/png", ""),
    6: ("image/png", ""),
    7: ("text/html", "handnet"),
    8: ("text/plain", "Prediction("),
    9: ("text/plain", "Prediction("),
    10: ("text/html", "photos were classified correctly"),
    11: ("text/html", "signer1"),
    12: ("text/plain", "0."),
}


def run_notebook(folder: Path) -> Any:
    """Run the cells in a folder with photos, and return the notebook."""
    draw_photos(folder / "photos", "ABC", signers=4, images=6)
    draw_photos(folder / "others", "ABC", signers=9, images=1)
    for photo in (folder / "others").glob("*/signer[1-6]_*"):
        photo.unlink()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_notebook__shows_each_thing_as_itself(tmp_path: Path) -> None:
    notebook = run_notebook(tmp_path)
    for number, (kind, text) in SHOWN.items():
        results = [one.data for one in notebook.cells[number].outputs if "data" in one]
        assert results and kind in results[-1], (CELLS[number], notebook.cells[number].outputs)
        assert text in results[-1][kind], (CELLS[number], results[-1][kind][:300])
    html = notebook.cells[4].outputs[-1].data["text/html"]
    assert "<script" not in html and str(tmp_path) not in html

"""Run the tutorial, so that its outputs are real, and make the exercises from it.

``python tools/tutorial.py run`` runs docs/tutorial.ipynb in place, which takes a few minutes;
``python tools/tutorial.py exercises`` makes docs/tutorial-exercises.ipynb from it.
"""

import copy
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

DOCS = Path(__file__).parents[1] / "docs"
TUTORIAL, EXERCISES = DOCS / "tutorial.ipynb", DOCS / "tutorial-exercises.ipynb"
SOLUTION = "solution"
_EMPTY = {"code": "# Your turn.", "markdown": "*Your answer.*"}


def read(path: Path) -> NotebookNode:
    """Read a notebook and check that it is one."""
    notebook: NotebookNode = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook."""
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def run(notebook: NotebookNode, folder: Path, *, timeout: int = 1800) -> NotebookNode:
    """Run a notebook from top to bottom.

    Args:
        notebook: Left as it is.
        folder: Where it runs and writes its files.
        timeout: Longest time of one cell, seconds.

    Returns:
        The notebook with the outputs of this run, without the times at which cells ran.

    Raises:
        CellExecutionError: A cell fails.
    """
    fresh = copy.deepcopy(notebook)
    client = NotebookClient(
        fresh,
        timeout=timeout,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        coalesce_streams=True,
    )
    client.execute()
    return settled(fresh)


def settled(notebook: NotebookNode) -> NotebookNode:
    """Keep one form of each picture, the PNG, and return the notebook."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                output.data.pop("image/jpeg", None)
    return notebook


def exercises(notebook: NotebookNode) -> NotebookNode:
    """Empty the cells tagged ``solution``, keep the others, and take out every output.

    Args:
        notebook: The tutorial, left as it is.

    Returns:
        The exercises.
    """
    fresh = copy.deepcopy(notebook)
    for cell in fresh.cells:
        if SOLUTION in cell.metadata.get("tags", ()):
            cell.source = _EMPTY[cell.cell_type]
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    fresh.cells = _merged(fresh.cells)
    return fresh


def _merged(cells: list[NotebookNode]) -> list[NotebookNode]:
    """Leave one place to answer where several stood in a row, and one to write code in."""
    kept: list[NotebookNode] = []
    for cell in cells:
        again = kept and cell.source in _EMPTY.values() and cell.source == kept[-1].source
        if not again:
            kept.append(cell)
    return kept


def main(words: list[str]) -> int:
    """Do what the command line asks for."""
    if words == ["run"]:
        with tempfile.TemporaryDirectory() as folder:
            write(run(read(TUTORIAL), Path(folder)), TUTORIAL)
    elif words == ["exercises"]:
        write(exercises(read(TUTORIAL)), EXERCISES)
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

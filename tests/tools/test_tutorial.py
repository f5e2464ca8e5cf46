import json
import re
from pathlib import Path

import nbformat
import pytest
from tools.tutorial import EXERCISES, TUTORIAL, exercises, read, run

from handshape.synthetic import draw_dataset

SIDES = {"tags": ["solution"]}


def code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(notebook: nbformat.NotebookNode) -> str:
    return "".join(out.get("text", "") for cell in code(notebook) for out in cell.outputs)


def test_tutorial__and_its_exercises_agree() -> None:
    assert read(EXERCISES) == exercises(read(TUTORIAL))


def test_tutorial__every_question_has_its_answer_in_its_place() -> None:
    cells = read(TUTORIAL).cells
    heads = [re.findall(r"^#+ (\d[a-d]|4) ", cell.source, re.MULTILINE) for cell in cells]
    asked = [i for i, head in enumerate(heads) if head]
    names = [heads[i][0] for i in asked]
    assert names == ["1a", "1b", "1c", "1d", "2a", "2b", "3a", "3b", "3c", "4", "5a", "5b", "5c"]
    for start, end in zip(asked, [*asked[1:], len(cells)], strict=True):
        answers = [cell for cell in cells[start:end] if cell.metadata.get("tags") == ["solution"]]
        assert any(cell.cell_type == "code" for cell in answers), cells[start].source


def test_tutorial__outputs_are_those_of_one_run_from_top_to_bottom() -> None:
    cells = code(read(TUTORIAL))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(out.output_type != "error" and out.get("name") != "stderr" for c in cells for out in c.outputs)
    assert sum("image/png" in out.get("data", {}) for cell in cells for out in cell.outputs) >= 4


def test_tutorial__is_small_and_knows_no_machine() -> None:
    text = TUTORIAL.read_text(encoding="utf-8")
    assert len(text) < 800_000
    assert not re.search(r"/(home|tmp|root|work|Users)/", printed(read(TUTORIAL)))
    assert all(len(cell.source.splitlines()) <= 25 for cell in code(read(TUTORIAL)))


def test_exercises__hold_questions_and_no_answers() -> None:
    tutorial, emptied = read(TUTORIAL), json.dumps(read(EXERCISES))
    for cell in tutorial.cells:
        for line in cell.source.splitlines() if cell.metadata.get("tags") == ["solution"] else ():
            if len(line) > 40:
                assert json.dumps(line)[1:-1] not in emptied
    assert all(not cell.outputs for cell in code(read(EXERCISES)))


@pytest.mark.slow
def test_tutorial__runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As a reader runs it on own photos, fewer than it draws.
    draw_dataset(tmp_path / "own", "ABCDEFGHI", signers=4, images=2, size=224, style="outdoor", seed=7)
    monkeypatch.setenv("TUTORIAL_PHOTOS", str(tmp_path / "own"))
    notebook = run(read(TUTORIAL), tmp_path)
    text = printed(notebook)
    assert "{'A': 0, 'B': 1, 'C': 2" in text and "x: (10, 3, 224, 224) torch.float32" in text
    assert "AlexNet without weights: (256, 6, 6)" in text
    assert re.search(r"detached=False +weights changed: [1-9]\d* of", text)
    assert re.search(r"detached=True +weights changed: 0 of", text)
    assert re.search(r"CNN: \d+\.\d% of \d+ photos", text) and re.search(r"MLP: \d+\.\d% of \d+ photos", text)
    # What was committed is what comes out, but for times and what another processor rounds otherwise.
    assert [bool(c.outputs) for c in code(notebook)] == [bool(c.outputs) for c in code(read(TUTORIAL))]

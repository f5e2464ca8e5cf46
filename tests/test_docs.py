"""The documentation: links, tables that describe the code, and every command and snippet of its guides."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from tests.conftest import Finished
from tests.processes import Starter
from tests.serving import Running

from handshape.synthetic import draw_image, make_signer

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GUIDES = [
    *(DOCS / name for name in ("quickstart.md", "lesson.md", "explanation/lesson_questions.md")),
    *sorted((DOCS / "how_to").glob("*.md")),
]
# Guides that draw their own photos; the test draws fewer.
DRAWING = {"--labels A-I": "--labels A-C", "--images 10": "--images 2", "--images 8": "--images 2"}
# Words outside reference and research: what a newcomer may be asked to read.
MOST_WORDS = 8_500


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "SUPPORT.md"])
def test_documents__links_lead_somewhere(name: str) -> None:
    """The links of docs are checked when the site is built."""
    links = re.findall(r"\]\(([^)\s]+)\)", (ROOT / name).read_text(encoding="utf-8"))
    files = [link.split("#")[0] for link in links if "://" not in link and not link.startswith("#")]
    assert files and not [file for file in files if not (ROOT / file).exists()]


def test_documents__are_short() -> None:
    pages = [path for path in DOCS.rglob("*.md") if path.parent.name not in ("reference", "research")]
    assert sum(len(path.read_text(encoding="utf-8").split()) for path in pages) < MOST_WORDS


def calls(title: str) -> list[tuple[str, str]]:
    """Return the modules and functions that a list of the map names."""
    text = (DOCS / "explanation" / "how_it_works.md").read_text(encoding="utf-8")
    section = text.split(f"## {title}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([\w.]+)` \| `(\w+)` \|", section, re.MULTILINE)


@pytest.mark.parametrize(
    ("title", "most"),
    [
        ("From `compare` to `report.html`", 25),
        ("From an upload to an answer", 10),
        ("From *Train* to a taught recogniser", 10),
    ],
)
def test_how_it_works__names_what_is_there_and_no_module_twice(title: str, most: int) -> None:
    from importlib import import_module

    found = calls(title)
    assert 5 < len(found) <= most
    assert len({module for module, _ in found}) == len(found)
    missing = [
        f"{module}.{name}"
        for module, name in found
        if not hasattr(import_module(f"handshape.{module}"), name)
    ]
    assert not missing


def table_keys(text: str) -> set[str]:
    """Return the words in code at the beginning of the rows of a page's tables."""
    rows = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    return {word for row in rows for word in re.findall(r"`(\w+)`", row)}


def test_metrics_json__describes_every_key(finished: Finished) -> None:
    text = (DOCS / "reference" / "metrics_json.md").read_text(encoding="utf-8")
    run, model = (table_keys(part) for part in text.split("## ")[1:])
    assert set(finished.metrics) <= run
    assert set(finished.metrics["models"]["combined"]) <= model


def test_findings__describes_every_kind() -> None:
    described = table_keys((DOCS / "reference" / "findings.md").read_text(encoding="utf-8"))
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    kinds = set(re.findall(r'Finding\(\s*"(\w+)"', source))
    kinds |= {f"{kind}_gives_label_away" for kind in ("size", "mode", "border")}
    kinds |= {f"no_{split}_photos" for split in ("training", "validation", "test")}
    kinds |= {"dark", "bright", "blurred", "small", "long"}
    assert kinds == described


def test_written_pages__describe_every_command_setting_and_error() -> None:
    from tools.docs_pages import pages

    from handshape import errors
    from handshape.cli import COMMANDS

    written = pages()
    assert all(f"\n## {name}\n" in written["reference/command_line.md"] for name in COMMANDS)
    assert "`--batch-size` whole number, default `32`." in written["reference/settings.md"]
    assert all(
        f"| `{name}` |" in written["reference/errors.md"]
        for name in vars(errors)
        if name.endswith("Error") and name != "HandshapeError"
    )
    assert "## POST /v1/predict" in written["reference/http_api.md"]


def draw_people(folder: Path, labels: str, people: list[str], photos: int = 2) -> None:
    """Draw photos called ``<label>/<person>_<n>.jpg``."""
    for label in labels:
        (folder / label).mkdir(parents=True)
        for person in people:
            signer = make_signer(1 + sum(map(ord, person)), 1, "right")
            for index in range(1, photos + 1):
                pixels = draw_image(label, signer, seed=1, index=index, size=160).pixels
                Image.fromarray(pixels).save(folder / label / f"{person}_{index}.jpg")


@pytest.fixture(scope="session")
def readers_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the guides take for given: photos of a few people, in two rooms, of other signs, and weights."""
    place = tmp_path_factory.mktemp("reader")
    draw_people(place / "photos", "AB", ["anna", "ben", "cleo", "dan"])
    draw_people(place / "other-photos", "AB", ["eve"])
    draw_people(place / "our-signs", "LY", ["anna", "ben"], photos=1)
    for room, people in {"kitchen": ["anna", "ben"], "hall": ["cleo", "dan"]}.items():
        draw_people(place / "places" / room, "AB", people)
    with zipfile.ZipFile(place / "handshape-project.zip", "w") as archive:
        archive.writestr("project.json", json.dumps({"format": 1, "base": None}))
        for photo in sorted((place / "our-signs").rglob("*.jpg")):
            archive.write(photo, photo.relative_to(place / "our-signs"))
    (place / "weights").mkdir()
    torch.manual_seed(0)
    import torchvision

    weights = torchvision.models.alexnet().features.state_dict(prefix="features.")
    save_file(weights, place / "weights" / "alexnet-test.safetensors")
    (place / "examples").symlink_to(ROOT / "examples")
    return place


@pytest.fixture
def reader(readers_photos: Path, in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in a copy of them, with a home of its own."""
    shutil.copytree(readers_photos, in_folder, dirs_exist_ok=True, symlinks=True)
    monkeypatch.setenv("HANDSHAPE_WEIGHTS", str(in_folder / "weights"))
    monkeypatch.setenv("HOME", str(in_folder))
    yield in_folder


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the language and the text of each block that can be run, in order."""
    text = page.read_text(encoding="utf-8")
    yield from re.findall(r"^```(sh|python)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def run(words: list[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout


def type_line(line: str, cli: Callable[..., Any], starter: Starter) -> None:
    """Run a line as a reader would type it, in the same folder."""
    tool, *words = shlex.split(line)
    if tool == "make":
        assert ".venv/bin/" in run(["make", "--directory", str(ROOT), "--dry-run", *words])
    elif tool == "handshape" and words[0] == "serve":
        words = ["127.0.0.1" if word == "0.0.0.0" else word for word in words if word != "--no-open"]
        kept = {name: os.environ[name] for name in ("HOME", "HANDSHAPE_WEIGHTS", "XDG_CACHE_HOME")}
        assert Running(starter, kept, *map(absolute, words[1:])).end()[0] == 0
    elif tool == "handshape":
        answer = cli(*words)
        assert answer.code == 0, f"{line}: {answer.err}"
    else:
        assert tool in ("python", "openssl"), line
        run([sys.executable if tool == "python" else tool, *words])


def absolute(word: str) -> str:
    """Return a path as one that another folder's process finds; other words as they are."""
    return str(Path(word).absolute()) if Path(word).exists() else word


@pytest.mark.slow
@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_guides__every_command_runs(
    page: Path, reader: Path, cli: Callable[..., Any], starter: Starter
) -> None:
    if page.stem in ("quickstart", "lesson"):
        shutil.rmtree(reader / "photos")
    if page.stem == "node":
        cli("train", "photos", "--model", "landmarks", "--out", "runs/first")
    if page.stem == "python":
        shutil.copy("photos/A/anna_1.jpg", "photo.jpg")
    for language, text in blocks(page):
        if language == "python":
            run([sys.executable, "-c", text])
            continue
        for line in text.splitlines():
            for drawn, fewer in DRAWING.items() if " draw " in line else ():
                line = line.replace(drawn, fewer)
            if line and not line.startswith("export "):
                type_line(line, cli, starter)


@pytest.mark.slow
def test_readme__every_line_runs_in_a_shell(reader: Path, starter: Starter) -> None:
    found = [(language, text) for language, text in blocks(ROOT / "README.md")]
    lines = [line for language, text in found for line in text.splitlines() if language == "sh" and line]
    assert lines[:2] == ["make demo", 'export PATH="$PWD/.venv/bin:$PATH"']
    run(["make", "--directory", str(ROOT), "--dry-run", "demo"])
    assert lines.pop(2) == "handshape serve asl"
    assert Running(starter, {"HOME": str(reader)}, "asl").end()[0] == 0
    (reader / ".venv").symlink_to(ROOT / ".venv")
    (snippet,) = (text for language, text in found if language == "python")
    script = "\n".join(["set -eu", *lines[1:], f"python - <<'END'\n{snippet}END"])
    assert "Prediction(" in run(["bash", "-c", script])
    assert (reader / "runs/first/report.html").is_file()
    assert (reader / "runs/first/recogniser/model.onnx").is_file()
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 120

"""The documents: links that lead somewhere, and the map of the code."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents__links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    lost = [
        link
        for link in links
        if "://" not in link and not link.startswith("#") and not (path.parent / link.split("#")[0]).exists()
    ]
    assert not lost


def calls(title: str) -> list[tuple[str, str]]:
    """Return the modules and functions that a list of the map names."""
    text = (ROOT / "docs" / "explanation" / "how_it_works.md").read_text(encoding="utf-8")
    section = text.split(f"## {title}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([\w.]+)` \| `(\w+)` \|", section, re.MULTILINE)


@pytest.mark.parametrize(
    ("title", "most"), [("From `compare` to `report.html`", 25), ("From an upload to an answer", 10)]
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

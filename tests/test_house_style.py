"""What the code reads like: plain words, one meaning for a name, and nobody else's private parts."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import handshape

SOURCE = Path(handshape.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))
PAGES = sorted(path for kind in ("*.html", "*.js", "*.md", "texts.toml") for path in SOURCE.rglob(kind))

# Phrases that only the authors understood; the right words are those of the field.
RULED_OUT = (
    r"reads? (?:it |them )?right",
    r"near-twins?",
    r"(?:is|are|was|were) told",
    r"sure enough",
    r"as sure of (?:it|them)sel",
    r"from whichever",
    r"what (?:each|it|they|a|an|the) [\w' -]{0,40}(?:is|are) worth",
    r"(?:is|are) worth there",
    r"whoever",
    r"of which kind",
    r"what is read\b",
    r"learnt",
    r"dealt out",
    r"likes? (?:it )?best",
    r"more than it is worth",
    r"reads? valid",
    r"(?:network|model|recogniser)s? (?:that )?(?:says?|knows?|reads?|thinks?)\b",
)
_RULED_OUT = re.compile("|".join(rf"\b{phrase}" for phrase in RULED_OUT), re.IGNORECASE)


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every text of a file with its line: all string constants of a module, all lines of a page."""
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from enumerate(source.splitlines(), start=1)
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, " ".join(node.value.split())


def test_texts__are_in_plain_words() -> None:
    found = [
        f"{path.relative_to(SOURCE)}:{line}: {match[0]}"
        for path in (*MODULES, *PAGES)
        for line, text in texts(path)
        for match in _RULED_OUT.finditer(text)
    ]
    assert not found, "\n".join(found)


def test_public_names__have_one_meaning() -> None:
    homes: dict[str, set[str]] = defaultdict(set)
    for path in MODULES:
        if path.relative_to(SOURCE).parts[0] == "commands":
            continue  # a command's function has the command's name
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names: list[str] = []
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                names = [node.name]
            elif isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names = [node.target.id]
            for name in names:
                if not name.startswith("_"):
                    homes[name].add(str(path.relative_to(SOURCE)))
    # The commands as Python functions are defined once more in api.py, with the command's name.
    several = {name: sorted(where) for name, where in homes.items() if len(where - {"api.py"}) > 1}
    assert not several, "\n".join(map(str, several.items()))


_OWN = ("handshape", "__future__")


def private_names(source: str) -> Iterator[str]:
    """Yield names with an underscore that a module takes from other libraries, by import or by attribute."""
    tree, theirs = ast.parse(source), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] not in _OWN:
            yield from (part for part in node.module.split(".") if part.startswith("_"))
            yield from (alias.name for alias in node.names if alias.name.startswith("_"))
            theirs |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            yield from (
                part for alias in node.names for part in alias.name.split(".") if part.startswith("_")
            )
            theirs |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__"):
            root: ast.expr = node
            while isinstance(root, ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name) and root.id in theirs:
                yield ast.unparse(node)


def test_other_libraries__by_their_public_names_only() -> None:
    found = []
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        found += [f"{path.relative_to(SOURCE)}: {name}" for name in private_names(text)]
        if "torch.ops" in text:
            found.append(f"{path.relative_to(SOURCE)}: torch.ops")
    assert not found

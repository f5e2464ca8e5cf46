"""Every error message of handshape in one approved list: `python -m tests.approve` writes it anew.

A change of wording then shows in one place, and tests match errors by their kind.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "handshape"
APPROVED = Path(__file__).parent / "approved" / "messages.txt"


def messages() -> str:
    """Return the messages as text: for each its kind, what was wrong, what was expected, and what to do."""
    found = (entry for path in sorted(SOURCE.rglob("*.py")) for entry in _of_module(path))
    return "\n".join(found)


def _of_module(path: Path) -> Iterator[str]:
    calls = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id.endswith("Error")
        and len(node.args) == 3
    ]
    for call in sorted(calls, key=lambda one: one.lineno):
        assert isinstance(call.func, ast.Name)
        wrong, expected, remedy = (_text(argument) for argument in call.args)
        place = path.relative_to(SOURCE).as_posix()
        yield f"{place}: {call.func.id}\n  {wrong}\n  expected {expected}\n  {remedy}\n"


def _text(node: ast.expr) -> str:
    """Return a message as it reads in the code, its values in braces."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else f"{{{ast.unparse(part.value)}}}"
            for part in node.values
            if isinstance(part, ast.Constant | ast.FormattedValue)
        )
    return f"{{{ast.unparse(node)}}}"


if __name__ == "__main__":
    APPROVED.parent.mkdir(exist_ok=True)
    APPROVED.write_text(messages(), encoding="utf-8")

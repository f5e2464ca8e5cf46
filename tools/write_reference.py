"""Write `docs/reference/python.md`: every public name with its signature and documentation, from the code.

    python -m tools.write_reference

A test compares the page with the code.
"""

import inspect
import re
from pathlib import Path
from typing import Any

import handshape

PLACE = Path(__file__).parents[1] / "docs" / "reference" / "python.md"
_HEAD = """# Python

Everything public in `import handshape`. Written by `python -m tools.write_reference` from the code, whose
examples a test runs.

"""
_KINDS = (("Functions", inspect.isfunction), ("Classes", inspect.isclass))
_WIDTH = 100


def reference_text() -> str:
    """Return the text of the page."""
    parts = [_HEAD]
    for title, is_kind in _KINDS:
        names = [name for name in sorted(handshape.__all__) if is_kind(getattr(handshape, name))]
        listed = ", ".join(f"[{name}](#{name.lower()})" for name in names)
        parts.append(f"{title}: {listed}\n\n")
    for _, is_kind in _KINDS:
        for name in sorted(handshape.__all__):
            thing = getattr(handshape, name)
            if is_kind(thing):
                parts.append(_entry(name, thing))
    parts.append("## `__version__`\n\nVersion of handshape, as text.\n")
    return "".join(parts)


def _entry(name: str, thing: Any) -> str:
    text = f"## {name}\n\n{_signature(name, thing)}{_documentation(thing)}"
    if inspect.isclass(thing):
        for method, found in _members(thing):
            text += f"### {name}.{method}\n\n{_signature(method, found)}{_documentation(found)}"
    return text


def _members(thing: type) -> list[tuple[str, Any]]:
    """Return the public methods and properties that a class or a base of handshape defines, with a text."""
    found: dict[str, Any] = {}
    for base in reversed(thing.__mro__):
        if base.__module__.startswith("handshape."):
            found |= {name: one for name, one in vars(base).items() if not name.startswith("_")}
    members = {name: inspect.getattr_static(thing, name) for name in found}
    return sorted((name, one) for name, one in members.items() if _text(one) and _is_member(one))


def _is_member(one: Any) -> bool:
    kinds = (property, classmethod, staticmethod)
    return inspect.isfunction(one) or isinstance(one, kinds) or type(one).__name__ == "cached_property"


def _text(one: Any) -> str:
    plain = getattr(one, "__func__", None) or getattr(one, "func", None) or one
    return inspect.getdoc(plain) or ""


def _signature(name: str, thing: Any) -> str:
    plain = getattr(thing, "__func__", thing)
    if not callable(plain):
        return ""
    try:
        parameters = list(inspect.signature(plain).parameters.values())
    except (TypeError, ValueError):
        return ""
    shown = [_parameter(one) for one in parameters if one.name not in ("self", "cls")]
    stars = [i for i, one in enumerate(parameters) if one.kind is one.KEYWORD_ONLY]
    dropped = len(parameters) - len(shown)
    if stars and not any(one.kind is one.VAR_POSITIONAL for one in parameters):
        shown.insert(stars[0] - dropped, "*")
    line = f"{name}({', '.join(shown)})"
    if len(line) > _WIDTH:
        line = f"{name}(\n    " + ",\n    ".join(shown) + ",\n)"
    return f"```python\n{line}\n```\n\n"


def _parameter(one: inspect.Parameter) -> str:
    prefix = "**" if one.kind is one.VAR_KEYWORD else "*" if one.kind is one.VAR_POSITIONAL else ""
    default = "" if one.default is one.empty else f"={one.default!r}"
    return f"{prefix}{one.name}{default}"


def _documentation(thing: Any) -> str:
    """Return a docstring as Markdown: its sections as bold words and lists, its examples as code."""
    lines, code = [], False
    for line in _text(thing).replace("``", "`").splitlines():
        stripped = line.strip()
        head = re.fullmatch(r"(Args|Returns|Raises|Attributes|Settings|Examples|Yields|Source):", stripped)
        if head and not line.startswith(" "):
            if code:
                lines.append("```")
                code = False
            lines += ["", f"**{head[1]}**", ""]
            if head[1] == "Examples":
                lines.append("```python")
                code = True
        elif code:
            lines.append(line.removeprefix("    "))
        elif re.match(r"    [\w*]+: ", line):
            term, _, rest = stripped.partition(": ")
            lines.append(f"- `{term}`: {rest}")
        elif line.startswith("        "):
            lines.append(f"  {stripped}")
        else:
            lines.append(stripped)
    if code:
        lines.append("```")
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return re.sub(r"\n+```$", "\n```", text) + "\n\n"


if __name__ == "__main__":
    PLACE.parent.mkdir(parents=True, exist_ok=True)
    PLACE.write_text(reference_text(), encoding="utf-8")

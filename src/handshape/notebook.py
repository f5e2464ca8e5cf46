"""What notebooks show: sentences and tables in HTML, without scripts."""

from collections.abc import Iterable, Sequence
from html import escape

_CELL = 'style="text-align:right;padding:2px 10px"'
_NAME = 'style="text-align:left;padding:2px 10px 2px 0"'


def paragraph(text: str) -> str:
    """Return a paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def html_table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, words: bool = False) -> str:
    """Return a table whose first column names the rows; the others hold numbers, or ``words``."""
    rest = _NAME if words else _CELL
    lines = [_row("th", heads, rest), *(_row("td", row, rest) for row in rows)]
    return f'<table style="border-collapse:collapse">{"".join(lines)}</table>'


def in_percent(share: float | None) -> str:
    """Return a share in percent, with one digit after the point."""
    return "-" if share is None else f"{100 * share:.1f} %"


def percents(pair: Sequence[float]) -> str:
    """Return an interval in percent."""
    return f"{100 * pair[0]:.1f}–{100 * pair[1]:.1f} %"


def _row(kind: str, cells: Sequence[str], rest: str) -> str:
    styles = [_NAME, *[rest] * (len(cells) - 1)]
    shown = (f"<{kind} {style}>{escape(cell)}</{kind}>" for style, cell in zip(styles, cells, strict=True))
    return f"<tr>{''.join(shown)}</tr>"

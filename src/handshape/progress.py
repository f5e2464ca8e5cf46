"""Progress on standard error: a bar on a terminal, plain lines elsewhere, silence in a library."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SECONDS_BETWEEN_LINES = 10.0
_enabled = False


def show_progress(enabled: bool = True) -> None:
    """Turn messages and progress on or off; the command line turns them on."""
    global _enabled
    _enabled = enabled


def printable(text: str) -> str:
    """Return text in which characters that control a terminal, or hide in it, are escapes; tabs stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in text)


def say(message: str) -> None:
    """Print one line to standard error if progress is shown."""
    if _enabled:
        print(printable(message), file=sys.stderr, flush=True)


@contextmanager
def track(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show the progress of ``total`` steps; yields a function to call with the number of steps just done."""
    if not _enabled:
        yield lambda steps: None
    elif sys.stderr.isatty():
        with _bar(what, total) as advance:
            yield advance
    else:
        yield _lines(what, total)


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="progress.data.speed")

    columns = (TextColumn(f"{what:<24}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=False) as progress:
        task = progress.add_task(what, total=total)
        yield lambda steps: progress.advance(task, steps)


def _lines(what: str, total: int) -> Callable[[int], None]:
    start = last = time.monotonic()
    done = 0

    def advance(steps: int) -> None:
        nonlocal done, last
        done += steps
        now = time.monotonic()
        if done >= total or now - last >= _SECONDS_BETWEEN_LINES:
            last = now
            rate = done / max(now - start, 1e-9)
            left = (total - done) / max(rate, 1e-9)
            print(f"{what}: {done}/{total}, {rate:,.0f}/s, {left:.0f} s left", file=sys.stderr, flush=True)

    return advance

import sys
from collections.abc import Iterator

import pytest

from handshape.progress import say, show_progress, track


@pytest.fixture(autouse=True)
def _quiet_afterwards() -> Iterator[None]:
    yield
    show_progress(False)


def test_say__is_silent_in_a_library(capsys: pytest.CaptureFixture[str]) -> None:
    say("news")
    with track("Reading", 2) as advance:
        advance(2)
    assert capsys.readouterr() == ("", "")


def test_say__prints_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    show_progress()
    say("news")
    assert capsys.readouterr() == ("", "news\n")


def test_track__prints_a_line_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    show_progress()
    with track("Reading photos", 3) as advance:
        advance(2)
        assert capsys.readouterr().err == ""
        advance(1)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Reading photos: 3/3, ")
    assert captured.err.endswith("/s, 0 s left\n")


def test_track__prints_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("handshape.progress.time.monotonic", lambda: clock[0])
    show_progress()
    with track("Reading", 100) as advance:
        for _ in range(3):
            clock[0] += 6
            advance(12)
    assert capsys.readouterr().err == "Reading: 24/100, 2/s, 38 s left\n"


def test_track__shows_a_bar_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    show_progress()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with track("Reading", 4) as advance:
        advance(1)
        advance(3)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Reading" in captured.err
    assert "4/4" in captured.err

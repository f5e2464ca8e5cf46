from pathlib import Path
from typing import Any

import pytest

import handshape


def test_doctor__describes_the_installation(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HANDSHAPE_WEIGHTS", raising=False)
    found = cli("doctor", "--cache", tmp_path, "--json").json
    assert found["versions"]["handshape"] == handshape.__version__
    assert 1 <= found["cores"]["usable"] <= found["cores"]["machine"]
    assert "cpu" in found["providers"] and found["cache"]["folder"] == str(tmp_path)
    assert found["problems"] == []
    shown = cli("doctor", "--cache", tmp_path).out
    assert f"torch         {found['versions']['torch']}" in shown and "No problem found." in shown


def test_doctor__says_what_will_not_work(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weights").mkdir()
    monkeypatch.setenv("HANDSHAPE_WEIGHTS", str(tmp_path / "weights"))
    (problem,) = cli("doctor", "--cache", tmp_path / "cache", "--json").json["problems"]
    assert "HANDSHAPE_WEIGHTS names" in problem and "Put weights there" in problem

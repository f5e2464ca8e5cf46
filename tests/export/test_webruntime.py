import shutil
import subprocess
from pathlib import Path

import pytest

from handshape.errors import ExportError, MissingExtraError
from handshape.export.webruntime import FILES, VERSION, find_runtime


def kept(cache: Path) -> Path:
    return cache / "handshape" / f"onnxruntime-web-{VERSION}"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_find_runtime__fetched_with_npm_and_nothing_but_what_a_page_needs(web_runtime: Path) -> None:
    assert {path.name for path in web_runtime.iterdir()} == set(FILES)


def test_find_runtime__of_a_named_folder_is_kept(web_runtime: Path, cache: Path) -> None:
    assert find_runtime(web_runtime) == kept(cache)
    assert {path.name for path in kept(cache).iterdir()} == set(FILES)
    assert find_runtime(None) == kept(cache)  # without npm from now on


def test_find_runtime__another_version(cache: Path, tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).write_text("of another version")
    with pytest.raises(
        ExportError,
        match=rf"no ort.wasm.bundle.min.mjs of onnxruntime-web@{VERSION} in '.*'",
    ):
        find_runtime(tmp_path)
    assert not kept(cache).exists()


def test_find_runtime__damaged_in_the_cache_is_fetched_anew(
    web_runtime: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(web_runtime, kept(cache))
    next(kept(cache).iterdir()).write_text("damaged")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        MissingExtraError,
        match=rf"npm is not installed, which downloads onnxruntime-web@{VERSION}",
    ):
        find_runtime(None)


def test_find_runtime__npm_cannot_fetch_it(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error code ENOTFOUND' >&2\nexit 1\n")
    npm.chmod(0o755)
    assert subprocess.run([npm], check=False, capture_output=True).returncode == 1
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(
        ExportError,
        match=rf"npm could not download onnxruntime-web@{VERSION} \(npm error code ENOTFOUND\)",
    ):
        find_runtime(None)

"""The scripts in examples/scripts run as they are, each in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import draw_photos

SCRIPTS = Path(__file__).parents[1] / "examples" / "scripts"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_photos(tmp_path_factory.mktemp("photos") / "photos", "ABC", signers=4, images=4)


def script(name: str, *words: object, cache: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPTS / f"{name}.py"), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
    )


def test_scripts__are_all_tested() -> None:
    assert {path.stem for path in SCRIPTS.glob("*.py")} == {
        "own_dataset", "pipeline", "own_backbone", "check_accuracy",
    }  # fmt: skip


def test_own_dataset_and_check_accuracy(photos: Path, tmp_path: Path) -> None:
    done = script("own_dataset", photos, tmp_path / "run", cache=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Dataset('photos', 48 photos, 3 labels (A, B, C), 4 signers)" in done.stdout
    others = draw_photos(tmp_path / "others", "ABC", signers=9, images=1)
    passed = script("check_accuracy", tmp_path / "run", others, 0.0, cache=tmp_path)
    assert passed.returncode == 0 and passed.stdout.startswith("accuracy "), passed.stderr
    failed = script("check_accuracy", tmp_path / "run", others, 1.01, cache=tmp_path)
    assert failed.returncode == 1 and "too low: at least 1.01 is needed" in failed.stderr


def test_pipeline(photos: Path, tmp_path: Path) -> None:
    done = script("pipeline", photos, cache=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("accuracy on each signer left out: ") and done.stdout.count(",") == 3


def test_own_backbone(photos: Path, tmp_path: Path) -> None:
    done = script("own_backbone", photos, tmp_path / "run", cache=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "report.html").is_file()

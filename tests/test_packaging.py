"""What is installed by other roads than make asks for the same versions."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
# What conda-forge calls packages of PyPI.
CONDA = {
    "matplotlib": "matplotlib-base",
    "prometheus-client": "prometheus_client",
    "torch": "pytorch",
    "uvicorn[standard]": "uvicorn-standard",
}


def test_conda_recipe__asks_for_the_versions_of_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = dict(line.split(">=") for line in project["dependencies"])
    recipe = (ROOT / "packaging" / "conda-recipe.yaml").read_text(encoding="utf-8")
    run = recipe.split("  run:\n")[1].split("tests:\n")[0]
    found = dict(re.findall(r"- (\S+) >=(\S+)", run))
    assert found.pop("python") == "${{"
    assert found == {CONDA.get(name, name): least for name, least in wanted.items()}
    assert f"version: {project['version']}\n" in recipe


def test_dockerfile__takes_the_uv_of_make() -> None:
    make = (ROOT / "Makefile").read_text(encoding="utf-8")
    (pinned,) = re.findall(r"^UV := (\S+)$", make, re.MULTILINE)
    assert f"uv=={pinned}" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_lock__has_a_hash_for_every_package() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    packages = re.split(r"^(?=[a-z])", lock, flags=re.MULTILINE)[1:]
    assert len(packages) > 150
    assert all("--hash=sha256:" in package for package in packages)
    assert not re.search(r"https?://", lock)

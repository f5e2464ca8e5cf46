"""What is looked at after a fault: the user's photos, what a cache holds, and what a run says."""

import csv
import json
from pathlib import Path
from typing import Any

import lance

# What may differ between two runs that have the same figures.
_COSTS = ("seconds", "cache", "next")


def figures(value: Any) -> Any:
    """Figures without durations and places."""
    if isinstance(value, dict):
        return {key: figures(item) for key, item in value.items() if key not in _COSTS}
    return [figures(item) for item in value] if isinstance(value, list) else value


def contents(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    """Bytes, time of change and mode of every file below a folder, hidden ones too."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_mode)
        for path in folder.rglob("*")
        if path.is_file()
    }


def images_held(cache_dir: Path) -> dict[str, bytes]:
    """Everything in the folder of prepared images."""
    return {
        path.name: path.read_bytes() if path.is_file() else b"" for path in (cache_dir / "images").glob("*")
    }


def rows(cache_dir: Path) -> dict[tuple[str, str, int], Any]:
    """Every row of every table that can be opened: by table, photo and view."""
    found: dict[tuple[str, str, int], Any] = {}
    for path in cache_dir.rglob("*.lance"):
        if path.is_dir() and any(path.glob("_versions/*.manifest")):
            kept = lance.dataset(str(path)).to_table().to_pylist()
            keyed = {(path.name, row.pop("digest"), row.pop("view")): row for row in kept}
            assert len(keyed) == len(kept), f"rows of {path} are doubled"
            found |= keyed
    return found


def leftovers(*folders: Path) -> list[str]:
    """Files and folders of processes that are gone."""
    return sorted(
        str(path)
        for folder in folders
        if folder.is_dir()
        for path in folder.rglob("*")
        if ".partial" in path.name
    )


def run_of(out: Path) -> dict[str, Any]:
    """What a whole run says; fails where a part of it is missing or cut short."""
    found: dict[str, Any] = {
        "figures": figures(json.loads((out / "metrics.json").read_text(encoding="utf-8")))
    }
    assert "command" in json.loads((out / "config.json").read_text(encoding="utf-8"))
    assert (out / "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
    for path in (out / "plots").glob("*.svg"):
        assert path.read_text(encoding="utf-8").rstrip().endswith("</svg>")
    for name in ("predictions.csv", "history.csv"):
        if (out / name).exists():
            with (out / name).open(newline="", encoding="utf-8") as file:
                found[name] = [figures(row) for row in csv.DictReader(file)]
    if (out / "recogniser").exists():
        found["weights"] = (out / "recogniser" / "model.safetensors").read_bytes()
        bundle = json.loads((out / "recogniser" / "config.json").read_text(encoding="utf-8"))
        del bundle["digest"]  # it changes with the seconds that figures leave out
        found["bundle"] = figures(bundle)
        assert (out / "recogniser" / "README.md").read_text(encoding="utf-8").strip()
    return found

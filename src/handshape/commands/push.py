"""Upload a recogniser to the Hugging Face hub."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from handshape.config.push import PushConfig
from handshape.hub import publish, split_name
from handshape.recogniser import BundleConfig, bundle_folder, load

_PLACEHOLDER = "hub:owner/name"


def push(config: PushConfig) -> dict[str, Any]:
    """Upload a bundle: the network, its description, its card, and the ONNX export where there is one.

    Args:
        config: The settings.

    Returns:
        The repository, its page, the commit, whether it is private, and the size of each file in bytes.

    Raises:
        BundleError: The bundle is missing or damaged: nothing is uploaded.
        UsageError: The repository's name is none, or everyone sees it and ``public`` was not said.
        HubError: Nobody is signed in, or the hub refuses.
        MissingExtraError: huggingface-hub is not installed.
    """
    split_name(config.repository)
    folder = bundle_folder(config.bundle)
    known = load(folder).config
    kept = known if config.signer_names else number_signers(known)
    files: dict[str, Path | bytes] = {
        "config.json": (json.dumps(asdict(kept), indent=2, ensure_ascii=False) + "\n").encode(),
        "README.md": _card(folder / "README.md", config).encode(),
        "model.safetensors": folder / "model.safetensors",
    }
    if (folder / "model.onnx").is_file():
        files["model.onnx"] = folder / "model.onnx"
    published = publish(config.repository, files, public=config.public)
    sizes = {
        name: len(content) if isinstance(content, bytes) else content.stat().st_size
        for name, content in files.items()
    }
    return {"repository": config.repository, **asdict(published), "files": sizes}


def number_signers(config: BundleConfig) -> BundleConfig:
    """Return a bundle's description with ``signer 1``, ``signer 2`` and so on for the signers' names."""
    trained_on, figures = dict(config.trained_on), dict(config.figures)
    tested = figures.get("signers", {})
    names = sorted({*trained_on.get("signers", ()), *tested})
    numbers = {name: f"signer {index}" for index, name in enumerate(names, start=1)}
    if "signers" in trained_on:
        trained_on["signers"] = [numbers[name] for name in trained_on["signers"]]
    if tested:
        figures["signers"] = {numbers[name]: found for name, found in tested.items()}
    return replace(config, trained_on=trained_on, figures=figures)


def _card(path: Path, config: PushConfig) -> str:
    text = path.read_text(encoding="utf-8") if path.is_file() else "# A handshape recogniser\n"
    text = text.replace(_PLACEHOLDER, f"hub:{config.repository}")
    if config.license is None:
        return text
    head = f"license: {config.license}\n"
    return text.replace("---\n", f"---\n{head}", 1) if text.startswith("---\n") else f"---\n{head}---\n{text}"

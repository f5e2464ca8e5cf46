"""Upload a recogniser to the Hugging Face hub."""

from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from handshape.bundle import CARD, CONFIG, GRAPHS, MODEL, BundleConfig, config_text, file_of
from handshape.config.push import PushConfig
from handshape.export.metadata import MODEL as EXPORTED
from handshape.export.metadata import bundle_digest, read_properties
from handshape.hub import publish, split_name
from handshape.recogniser import bundle_folder, load

_PLACEHOLDER = "hub:owner/name"


def push(config: PushConfig) -> dict[str, Any]:
    """Upload a bundle: weights, graphs, description, model card, and the ONNX export if there is one.

    Args:
        config: The settings.

    Returns:
        The repository, its page, the commit, whether it is private, and the size of each file in bytes.

    Raises:
        BundleError: The bundle is missing or damaged.
        UsageError: The repository's name is invalid, or it is public and ``public`` is not set.
        HubError: You are not signed in, or the hub refuses.
        ExportError: The ONNX export was not made by handshape.
        MissingExtraError: huggingface-hub is not installed.
    """
    split_name(config.repository)
    folder = bundle_folder(config.bundle)
    known = load(folder).config
    kept = known if config.signer_names else number_signers(known)
    places = {name: file_of(folder, name) for name in (CONFIG, EXPORTED, *known.digests)}
    pushed = (CONFIG, MODEL, *GRAPHS, EXPORTED)
    files = {name: path for name, path in places.items() if name in pushed and path.exists()}
    with TemporaryDirectory() as staged:
        place = Path(staged)
        files[CARD] = place / CARD
        files[CARD].write_text(_card(folder / CARD, config), encoding="utf-8")
        if kept != known:
            _write_descriptions(files, kept, place)
        published = publish(config.repository, files, public=config.public)
        sizes = {name: path.stat().st_size for name, path in files.items()}
    return {"repository": config.repository, **asdict(published), "files": sizes}


def number_signers(config: BundleConfig) -> BundleConfig:
    """Return a bundle's description with ``signer 1``, ``source 1`` and so on instead of names."""
    trained_on, figures = dict(config.trained_on), dict(config.figures)
    tested = figures.get("signers", {})
    names = sorted({*trained_on.get("signers", ()), *tested})
    numbers = {name: f"signer {index}" for index, name in enumerate(names, start=1)}
    if "signers" in trained_on:
        trained_on["signers"] = [numbers[name] for name in trained_on["signers"]]
    if tested:
        figures["signers"] = {numbers[name]: found for name, found in tested.items()}
    if figures.get("sources"):
        found = figures["sources"].values()
        figures["sources"] = {f"source {index}": one for index, one in enumerate(found, start=1)}
    return replace(config, trained_on=trained_on, figures=figures)


def _write_descriptions(files: dict[str, Path], config: BundleConfig, place: Path) -> None:
    """Write the new description, and an ONNX export with it, into another folder."""
    files[CONFIG] = place / CONFIG
    files[CONFIG].write_text(config_text(config), encoding="utf-8")
    if EXPORTED not in files:
        return
    import onnx  # slow to import

    model = onnx.load(str(files[EXPORTED]))
    found = read_properties({one.key: one.value for one in model.metadata_props}, files[EXPORTED])
    described = replace(
        found, trained_on=config.trained_on, figures=config.figures, bundle=bundle_digest(place)
    )
    onnx.helper.set_model_props(model, described.to_properties())
    files[EXPORTED] = place / EXPORTED
    onnx.save(model, str(files[EXPORTED]))


def _card(path: Path, config: PushConfig) -> str:
    text = path.read_text(encoding="utf-8") if path.is_file() else "# A handshape recogniser\n"
    text = text.replace(_PLACEHOLDER, f"hub:{config.repository}")
    if config.license is None:
        return text
    head = f"license: {config.license}\n"
    return text.replace("---\n", f"---\n{head}", 1) if text.startswith("---\n") else f"---\n{head}---\n{text}"

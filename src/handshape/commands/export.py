"""Export a saved recogniser as one ONNX graph that answers as torch does."""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from handshape.config.export import ExportConfig
from handshape.errors import MissingExtraError
from handshape.export.metadata import MODEL, Metadata, bundle_digest
from handshape.progress import say
from handshape.recogniser import Recogniser, bundle_folder, load

# Photos on which answers are compared.
_CHECKED = 64


def export(config: ExportConfig) -> dict[str, Any]:
    """Export a recogniser, compare its answers with torch's, and write it.

    Args:
        config: The settings.

    Returns:
        The file, its size in bytes, what the model says of itself, and what was compared.

    Raises:
        BundleError: The bundle is missing or damaged.
        MissingExtraError: ONNX is not installed.
        DataError: There is no photo where ``images`` says.
        ExportError: The network cannot be exported, or answers otherwise.
        OutputError: The file cannot be written.
    """
    _check_installed()
    from handshape.export.file import new_file, write_model
    from handshape.export.graph import network_graph, whole_graph
    from handshape.export.parity import check_parity, measure_parity
    from handshape.export.photos import find_photos, spaced
    from handshape.export.runtime import Runtime

    place = bundle_folder(config.bundle)
    recogniser = load(place)
    out = config.out.expanduser() if config.out else place / MODEL
    photos = find_photos(place, recogniser.labels, config.images)
    check = spaced(photos.check, _CHECKED)
    metadata = _metadata(recogniser, place, "fp32")
    with new_file(out) as partial:
        say("Exporting the network")
        model = whole_graph(network_graph(recogniser), metadata.size)
        write_model(model, metadata, partial)
        parity = measure_parity(recogniser, Runtime(partial), check, photos.source)
        check_parity(parity)
    return {
        "file": str(out),
        "bytes": out.stat().st_size,
        "labels": list(metadata.labels),
        "precision": metadata.precision,
        "opset": metadata.opset,
        "parity": parity.to_dict(),
    }


def _metadata(recogniser: Recogniser, place: Path, precision: str) -> Metadata:
    from handshape.export.resize import OPSET

    config = recogniser.config
    return Metadata(
        labels=config.labels,
        threshold=config.threshold,
        size=config.network.preprocessing.size,
        precision=precision,
        opset=OPSET,
        bundle=bundle_digest(place),
        version=version("handshape"),
        trained_on=config.trained_on,
        figures=config.figures,
    )


def _check_installed() -> None:
    missing = [name for name in ("onnx", "onnxruntime", "onnxscript") if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"{' and '.join(missing)} not installed",
            "the extra `onnx`",
            "run `pip install 'handshape[onnx]'`",
        )

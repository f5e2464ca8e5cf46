"""Export a saved recogniser as an ONNX model, or as a web page."""

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handshape.bundle import IMAGE
from handshape.config.export import ExportConfig
from handshape.config.models import MODELS
from handshape.errors import UsageError
from handshape.export.metadata import MODEL, Metadata, bundle_digest
from handshape.hub import PREFIX
from handshape.progress import say
from handshape.recogniser import ASL, Recogniser, bundle_folder, load

if TYPE_CHECKING:
    from handshape.export.photos import Photos

# Photos on which probabilities are compared; comparing accuracies needs more of them.
_CHECKED = {"fp32": 64, "int8": 500}
_PAGE = "web"


def export(config: ExportConfig) -> dict[str, Any]:
    """Export a recogniser, and return the file or folder, its size, and how much its predictions differ.

    Raises:
        BundleError: The bundle is missing or damaged.
        UsageError: The bundle is on the hub and ``out`` is not given, or int8 for a model of landmarks.
        MissingExtraError: For a page, npm is not installed.
        DataError: There is no photo in ``images``.
        ExportError: Predictions differ from torch's, or, in 8 bits, the accuracy is lower; or npm failed.
        OutputError: The file or folder cannot be written.
    """
    from handshape.export.file import new_file, write_model
    from handshape.export.onnx import whole_graph
    from handshape.export.photos import find_photos
    from handshape.export.web import new_folder, write_web_page
    from handshape.export.webruntime import find_runtime

    name = config.bundle.as_posix()
    if config.out is None and (name.startswith(PREFIX) or bundle_folder(name) == ASL):
        raise UsageError(
            "no --out for a bundle on the hub or in the package",
            "a file or folder to write",
            "name it with --out",
        )
    place = bundle_folder(config.bundle)
    recogniser = load(place)
    photos = find_photos(place, recogniser.labels, config.images)
    chosen = _in_8_bits(recogniser, photos) if config.precision == "int8" else recogniser
    metadata, page = _metadata(recogniser, place, config), config.format == "web"
    out = config.out.expanduser() if config.out else place / (_PAGE if page else MODEL)
    if page:
        runtime = find_runtime(config.runtime)
        metadata = _compared(recogniser, chosen, photos, metadata, chosen.classify)
        with new_folder(out) as folder:
            write_web_page(folder, runtime, chosen, metadata.bundle)
    else:
        say("Joining the graphs")
        model = whole_graph(chosen)
        metadata = _compared(recogniser, chosen, photos, metadata, _answer_of(model))
        with new_file(out) as partial:
            write_model(model, metadata, partial)
    files = [out] if out.is_file() else [path for path in out.rglob("*") if path.is_file()]
    return {
        "file": str(out),
        "bytes": sum(path.stat().st_size for path in files),
        "labels": list(metadata.labels),
        "precision": metadata.precision,
        "opset": metadata.opset,
        "attempts": metadata.attempts,
        "parity": metadata.parity,
    }


def _answer_of(model: Any) -> Any:
    """Return what gives (K,) probabilities of a photo by a joined graph, which finds the hand itself."""
    from handshape.inference.engine import Graph

    graph = Graph(model.SerializeToString())
    return lambda pixels, hand: graph.run(images=pixels[None])["probabilities"][0]


def _in_8_bits(recogniser: Recogniser, photos: "Photos") -> Recogniser:
    """Return the recogniser with image features in 8 bits."""
    from handshape.export.photos import spaced
    from handshape.inference.quantise import CALIBRATED, quantise

    if IMAGE not in recogniser.files:
        raise UsageError(
            f"--precision int8 for the model {recogniser.config.network.model}",
            "a model with image features",
            "leave out --precision",
        )
    say("Calibrating 8-bit quantisation")
    prepare = recogniser.config.network.preprocessing.prepare
    shown = (prepare(photo.pixels()) for photo in spaced(photos.calibration, CALIBRATED))
    image = quantise(recogniser.files[IMAGE], shown)
    return Recogniser(recogniser.config, {**recogniser.files, IMAGE: image})


def _compared(
    recogniser: Recogniser, chosen: Recogniser, photos: "Photos", metadata: Metadata, answer: Any
) -> Metadata:
    """Return metadata with the comparison with the bundle and with torch, which must be good enough."""
    from handshape.export.parity import check_accuracy, check_parity, measure_parity
    from handshape.export.photos import spaced

    int8 = chosen.classify if metadata.precision == "int8" else None
    check = spaced(photos.check, _CHECKED[metadata.precision])
    parity = measure_parity(recogniser, answer, check, photos.source, int8)
    check_parity(parity, exact=not metadata.attempts)
    if int8:
        check_accuracy(parity)
    return replace(metadata, parity=parity.to_dict())


def _metadata(recogniser: Recogniser, place: Path, config: ExportConfig) -> Metadata:
    from handshape.inference.graphs import OPSET

    known = recogniser.config
    uses_hand = MODELS[known.network.model].hand_landmarks
    return Metadata(
        labels=known.labels,
        threshold=known.threshold,
        size=known.network.preprocessing.size,
        precision=config.precision,
        opset=OPSET,
        bundle=bundle_digest(place),
        version=version("handshape"),
        attempts=int(uses_hand and config.format == "onnx"),
        trained_on=known.trained_on,
        figures=known.figures,
    )

"""Export a saved recogniser as an ONNX model, or as a web page with such a model."""

from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from handshape.config.export import ExportConfig
from handshape.errors import MissingExtraError, UsageError
from handshape.export.metadata import MODEL, Metadata, bundle_digest
from handshape.hub import PREFIX
from handshape.progress import say
from handshape.recogniser import Recogniser, bundle_folder, load

# Photos on which torch and the export are compared; comparing accuracies needs more of them.
_CHECKED = {"fp32": 64, "int8": 500}
# Photos for the calibration of 8-bit quantisation.
_CALIBRATED = 128
_PAGE = "web"


def export(config: ExportConfig) -> dict[str, Any]:
    """Export a recogniser, and return the file or folder, its size and the comparison with torch.

    Raises:
        BundleError: The bundle is missing or damaged.
        UsageError: The bundle is on the hub, and ``out`` is not given.
        MissingExtraError: ONNX, or for a page npm, is not installed.
        DataError: There is no photo in ``images``.
        ExportError: The network cannot be exported, or its predictions differ, or npm failed.
        OutputError: The file or folder cannot be written.
    """
    _check_installed()
    from handshape.export.file import new_file

    if config.out is None and config.bundle.as_posix().startswith(PREFIX):
        raise UsageError(
            "no --out for a bundle on the hub", "a file or folder to write", "name it with --out"
        )
    place = bundle_folder(config.bundle)
    recogniser = load(place)
    if config.format == "web":
        return _export_page(config, recogniser, place)
    metadata = _metadata(recogniser, place, config.precision)
    out = config.out.expanduser() if config.out else place / MODEL
    with new_file(out) as partial:
        parity = _export_model(config, recogniser, metadata, place, partial)
    return _result(metadata, parity, out, out.stat().st_size)


def _export_page(config: ExportConfig, recogniser: Recogniser, place: Path) -> dict[str, Any]:
    """Write the page with the bundle's own graphs.

    Raises:
        UsageError: Another precision is asked for.
    """
    if config.precision != "fp32":
        raise UsageError(
            f"--precision {config.precision} with --format web",
            "nothing: a page runs the graphs of the bundle as they are",
            "leave out --precision",
        )
    from handshape.export.web import new_folder, write_web_page
    from handshape.export.webruntime import find_runtime

    out = config.out.expanduser() if config.out else place / _PAGE
    runtime = find_runtime(config.runtime)
    with new_folder(out) as folder:
        write_web_page(folder, runtime, recogniser, bundle_digest(place))
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return {"file": str(out), "bytes": size, "labels": list(recogniser.labels)}


def _export_model(
    config: ExportConfig, recogniser: Recogniser, metadata: Metadata, place: Path, out: Path
) -> dict[str, Any]:
    """Write the model and compare its predictions with torch's."""
    from handshape.export.file import write_model
    from handshape.export.onnx import network_graph, whole_graph
    from handshape.export.parity import check_accuracy, check_parity, measure_parity
    from handshape.export.photos import find_photos, spaced
    from handshape.export.runtime import Runtime

    photos = find_photos(place, recogniser.labels, config.images)
    say("Exporting the network")
    network = network_graph(recogniser)
    if config.precision == "int8":
        from handshape.export.quantise import quantise

        say("Calibrating 8-bit quantisation")
        calibration = spaced(photos.calibration, _CALIBRATED)
        network = quantise(network, recogniser.config.network.preprocessing, calibration)
    model = whole_graph(network, metadata.size)
    write_model(model, metadata, out)
    check = spaced(photos.check, _CHECKED[config.precision])
    parity = measure_parity(recogniser, Runtime(out), check, photos.source)
    (check_parity if config.precision == "fp32" else check_accuracy)(parity)
    write_model(model, replace(metadata, parity=parity.to_dict()), out)
    return parity.to_dict()


def _result(metadata: Metadata, parity: dict[str, Any], out: Path, size: int) -> dict[str, Any]:
    return {
        "file": str(out),
        "bytes": size,
        "labels": list(metadata.labels),
        "precision": metadata.precision,
        "opset": metadata.opset,
        "parity": parity,
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

"""Run an exported recogniser in ONNX Runtime, without torch."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from handshape.errors import ExportError, MissingExtraError, ShapeError
from handshape.export.metadata import MODEL, Metadata, bundle_digest, read_properties
from handshape.run import find_bundle

# Limits of one call; 32 photos from a phone would need gigabytes.
_BATCH = 32
_BATCH_PIXELS = 8_000_000


class Runtime:
    """An exported model in ONNX Runtime, thread-safe.

    Args:
        file: The exported model.
        threads: Threads for one call; ``None`` for one per core. Use 1 if several threads call at once.

    Raises:
        MissingExtraError: ONNX Runtime is not installed.
        ExportError: The file is missing, damaged, or was not exported by handshape.
    """

    def __init__(self, file: str | Path, *, threads: int | None = None) -> None:
        self.file = Path(file)
        self._session = _open(self.file, threads)
        properties = self._session.get_modelmeta().custom_metadata_map
        self.metadata: Metadata = read_properties(properties, self.file)

    @classmethod
    def of_bundle(cls, bundle: str | Path, *, threads: int | None = None) -> Self:
        """Open the exported model of a bundle.

        Args:
            bundle: Folder of the bundle, or of its run.
            threads: As for the class.

        Raises:
            BundleError: There is no bundle.
            ExportError: There is no exported model, or the bundle has changed since.
            MissingExtraError: ONNX Runtime is not installed.
        """
        place = find_bundle(bundle)
        runtime = cls(place / MODEL, threads=threads)
        if runtime.metadata.bundle != bundle_digest(place):
            raise ExportError(
                f"{str(place / MODEL)!r} was exported before the bundle changed",
                "an export of the current bundle",
                "run `handshape export` again",
            )
        return runtime

    @property
    def labels(self) -> tuple[str, ...]:
        """K labels in class order."""
        return self.metadata.labels

    def probabilities(self, images: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Return the probabilities of many images; those of one size are one batch.

        Args:
            images: N arrays, (H, W, 3) uint8, RGB, each of any size.

        Returns:
            (N, K) float32 probabilities; rows sum to 1.

        Raises:
            ShapeError: An array is not (H, W, 3) uint8.
        """
        arrays = list(images)
        for array in arrays:
            _check(array)
        rows = np.zeros((len(arrays), len(self.labels)), dtype=np.float32)
        for batch in _batches([array.shape for array in arrays]):
            (rows[batch],) = self._session.run(None, {"images": np.stack([arrays[i] for i in batch])})
        return rows


def has_export(bundle: str | Path) -> bool:
    """Return whether a bundle, or the bundle of a run, has an exported model."""
    return (find_bundle(bundle) / MODEL).is_file()


def _open(file: Path, threads: int | None) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(
            "ONNX Runtime is not installed", "the extra `onnx`", "run `pip install 'handshape[onnx]'`"
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or 0
    # Otherwise a memory plan would be kept for each photo size.
    options.enable_mem_pattern = False
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own classes are not public
        reason = " ".join(str(error).split())
        raise ExportError(
            f"cannot open {str(file)!r} ({reason})", "a model that `handshape export` wrote", "export again"
        ) from error


def _check(array: NDArray[np.uint8]) -> None:
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8 or array.size == 0:
        raise ShapeError(
            f"an image of shape {array.shape} and type {array.dtype}",
            "(H, W, 3) uint8 in RGB order",
            "convert it first",
        )


def _batches(shapes: Sequence[tuple[int, ...]]) -> list[list[int]]:
    """Return the indices of images in each batch."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, shape in enumerate(shapes):
        groups.setdefault(shape, []).append(index)
    batches = []
    for (height, width, _), group in groups.items():
        most = max(1, min(_BATCH, _BATCH_PIXELS // (height * width)))
        batches += [group[start : start + most] for start in range(0, len(group), most)]
    return batches

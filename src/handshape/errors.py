"""All errors of handshape, with one base class.

A message has three parts: what was wrong, what was expected, what to do. Subclasses also inherit a standard
exception, so that callers can catch either.
"""

import re


class HandshapeError(Exception):
    """An error whose message a user can act on.

    Args:
        wrong: What was wrong, with the offending value or path quoted.
        expected: What was expected instead; follows the word "expected".
        remedy: What to do about it, as an instruction.

    Attributes:
        code: Kind of the error, for programs.

    Examples:
        >>> try:
        ...     handshape.load("nowhere")
        ... except handshape.HandshapeError as error:
        ...     print(error.code, "|", error.wrong, "|", error.remedy)
        bundle | no bundle at 'nowhere' | check the path
    """

    def __init__(self, wrong: str, expected: str, remedy: str) -> None:
        super().__init__(wrong, expected, remedy)
        self.wrong, self.expected, self.remedy = wrong, expected, remedy

    @property
    def code(self) -> str:
        """Kind of the error, for programs: the class's name in lower case, such as ``data-not-found``."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__.removesuffix("Error")).lower()

    def __str__(self) -> str:
        return f"{self.wrong}; expected {self.expected}; {self.remedy}"


class UsageError(HandshapeError, ValueError):
    """Options that contradict each other or lie outside their range (exit code 2)."""


class DataError(HandshapeError, ValueError):
    """Images, labels or signers that cannot be used."""


class DataNotFoundError(DataError, FileNotFoundError):
    """A folder, table or image that does not exist."""


class ImageError(DataError):
    """An image file that cannot be used."""


class ImageFormatError(ImageError):
    """A file that is not an image, or has an unsupported format."""


class ImageSizeError(ImageError):
    """An image with too many pixels."""


class SplitError(DataError):
    """A split that would leave training, validation or test without images."""


class BackboneError(HandshapeError, ValueError):
    """A backbone that no installed library has."""


class WeightsError(HandshapeError, ValueError):
    """Pretrained weights that cannot be found, read or used."""


class BundleError(HandshapeError, ValueError):
    """A recogniser bundle that is damaged or was not written by handshape."""


class ExportError(HandshapeError, ValueError):
    """A recogniser that cannot be exported, or an exported model that is outdated or damaged."""


class HubError(HandshapeError, OSError):
    """A model hub that cannot be reached, or refuses the request."""


class OutputError(HandshapeError, OSError):
    """A file or folder that is in use or cannot be written."""


class ShapeError(HandshapeError, ValueError):
    """An array of the wrong rank, type or number of channels."""


class MissingExtraError(HandshapeError, ImportError):
    """An optional part of handshape that is not installed."""


class BusyError(HandshapeError, RuntimeError):
    """A server with too many requests."""


class NoRecogniserError(HandshapeError, RuntimeError):
    """A server without a recogniser."""


class AlbumError(HandshapeError, ValueError):
    """A photo or name that cannot be in an album, or photos that cannot train a recogniser."""


class TrainingError(HandshapeError, RuntimeError):
    """A training that ended before it was done."""


class UnknownPhotoError(HandshapeError, LookupError):
    """A photo that is not in an album."""


class ClusterError(HandshapeError, ConnectionError):
    """A cluster of machines that cannot be joined, or that failed too often."""


class ServeError(HandshapeError, OSError):
    """An address that a server cannot use."""


class MemoryFullError(HandshapeError, MemoryError):
    """Not enough memory for a single image."""

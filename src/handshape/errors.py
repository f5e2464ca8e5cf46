"""Every error a user of handshape can meet, under one base class.

A message has three parts, always in this order: what was wrong, what was expected, what to do.
Children also inherit the standard type, so that callers may catch either.
"""

import re


class HandshapeError(Exception):
    """An error whose message a user can act on.

    Args:
        wrong: What was wrong, with the offending value or path quoted.
        expected: What was expected instead; follows the word "expected".
        remedy: What to do about it, as an instruction.
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
    """A folder or table of images from which no recogniser can be trained."""


class DataNotFoundError(DataError, FileNotFoundError):
    """A folder, table or image that is not there."""


class ImageError(DataError):
    """An image file that cannot be used; its message is the reason given to the user."""


class ImageFormatError(ImageError):
    """A file that is no image, or of a format that is not taken."""


class ImageSizeError(ImageError):
    """An image of too many pixels."""


class SplitError(DataError):
    """A split that would leave train, valid or test without images."""


class BackboneError(HandshapeError, ValueError):
    """A backbone that no installed library knows."""


class WeightsError(HandshapeError, ValueError):
    """Pretrained weights that cannot be found, read or fitted."""


class BundleError(HandshapeError, ValueError):
    """A recogniser bundle that is damaged or was not written by handshape."""


class ExportError(HandshapeError, ValueError):
    """A recogniser that cannot be exported, or an exported model that is stale, damaged or another's."""


class HubError(HandshapeError, OSError):
    """A model hub that cannot be reached, or refuses what was asked."""


class OutputError(HandshapeError, OSError):
    """A place to write to that is in use or cannot be written."""


class ShapeError(HandshapeError, ValueError):
    """An array of the wrong rank, type or number of channels."""


class MissingExtraError(HandshapeError, ImportError):
    """An optional part of handshape that is not installed."""


class BusyError(HandshapeError, RuntimeError):
    """A server that has more to do than it can hold."""


class NoRecogniserError(HandshapeError, RuntimeError):
    """A server that has nothing to read with yet."""


class AlbumError(HandshapeError, ValueError):
    """A photo or a name that does not belong into an album, or photos that nothing can be learnt from."""


class UnknownPhotoError(HandshapeError, LookupError):
    """A photo that is not in an album."""


class ClusterError(HandshapeError, ConnectionError):
    """A cluster of machines that cannot be joined, or that lost its work too often."""


class ServeError(HandshapeError, OSError):
    """An address that cannot be listened on."""


class MemoryFullError(HandshapeError, MemoryError):
    """Memory that does not hold even one image on its way through a network."""

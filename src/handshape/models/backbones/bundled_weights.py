"""Weights that lie in the package itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from torch import Tensor

from handshape.errors import WeightsError
from handshape.models.backbones.weights import read_state_dict


@dataclass(frozen=True)
class Packaged:
    """A file of weights beside the module that needs it.

    Args:
        file: The file, safetensors.
        digest: As `file_digest` gives it for this version's file.
    """

    file: Path
    digest: str

    def read(self) -> Mapping[str, Tensor]:
        """Return the weights as float32.

        Raises:
            WeightsError: The file is not the one that belongs to this version of handshape.
        """
        found = file_digest(self.file) if self.file.is_file() else "no file"
        if found != self.digest:
            raise WeightsError(
                f"the weights of {self.file.stem} in {str(self.file)!r} are not those of this version "
                f"(digest {found})",
                f"digest {self.digest}",
                "install handshape again",
            )
        return {name: tensor.float() for name, tensor in read_state_dict(self.file).items()}


def file_digest(path: Path) -> str:
    """Return 32 hexadecimal digits that stand for the bytes of a file."""
    return blake2b(path.read_bytes(), digest_size=16).hexdigest()

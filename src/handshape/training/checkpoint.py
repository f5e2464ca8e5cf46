"""Checkpoints: where training stands after an epoch, so that a killed run continues from there."""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from handshape.cache.disk_errors import explain_cache_errors
from handshape.errors import OutputError


class Checkpoint:
    """The latest state of one training in one file, replaced whole or not at all.

    A state is a dictionary of tensors, numbers, strings, and lists and dictionaries of these: the file is
    read with ``weights_only=True``, which builds nothing else and runs no code.

    Args:
        path: The file; its folder is made when the first state is saved.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> dict[str, Any] | None:
        """Return the latest state.

        Returns:
            What was saved last, on the CPU; ``None`` before the first time.

        Raises:
            OutputError: The file is damaged.
        """
        if not self.path.is_file():
            return None
        try:
            state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises nearly anything for a file that is not its own
            raise OutputError(
                f"the checkpoint {str(self.path)!r} is damaged ({type(error).__name__})",
                "a checkpoint as handshape wrote it",
                "delete it: the step begins again",
            ) from error
        return state

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the latest state; a program killed meanwhile leaves the one before.

        Args:
            state: See the class.

        Raises:
            OutputError: It cannot be written.
        """
        # In memory first: torch reports a full disk with an error that nobody would understand.
        whole = io.BytesIO()
        torch.save(dict(state), whole)
        partial = self.path.with_name(f".{self.path.name}.partial")
        with explain_cache_errors(repr(str(self.path))):
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with partial.open("wb") as file:
                    file.write(whole.getbuffer())
                    os.fsync(file.fileno())
                partial.replace(self.path)
            finally:
                partial.unlink(missing_ok=True)

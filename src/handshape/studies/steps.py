"""Steps of a study: what is finished is kept, what was being trained goes on from its last epoch."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from handshape.errors import OutputError
from handshape.evaluation.json_result import to_json_types
from handshape.progress import say
from handshape.run import write_json
from handshape.training.checkpoint import Checkpoint, write_whole

Row = Mapping[str, float]


@dataclass(frozen=True)
class Result:
    """What one finished step leaves behind.

    Args:
        figures: Plain JSON: numbers, strings, lists and dictionaries. Figures turn into dictionaries, and
            numbers that are not finite into ``None``. Durations go under the key ``seconds``: they alone may
            differ when a killed run goes on.
        tensors: What later steps or plots need and is too large for JSON, by name.
        history: One row per epoch where something was trained; all rows of a step have the same keys.
    """

    figures: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    history: Sequence[Row] = field(default_factory=list)


class Steps:
    """The steps of one study, in a folder that lasts until the study is done.

    A step is a function from a `Checkpoint` to a `Result`. Its name and its result are all that the rest of
    the study may know of it: nothing in memory must pass from step to step by another way, or a study that
    goes on would not see it.

    Args:
        folder: Where results and checkpoints are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._done: dict[str, Result] = {}

    def run(self, name: str, work: Callable[[Checkpoint], Result]) -> Result:
        """Return the result of a step, which is worked out unless it is kept already.

        Args:
            name: Unlike that of any other step of the study; letters, digits and hyphens.
            work: Does the step. A training saves its state in the checkpoint after every epoch and begins
                with what that holds; a step without training does not use it.

        Returns:
            The result as it was read back from its files, so that a study that goes on sees the same numbers.

        Raises:
            OutputError: A file of the step is damaged, or cannot be written.
        """
        if not self._is_done(name):
            checkpoint = Checkpoint(self._folder / f"{name}.checkpoint")
            self._keep(name, work(checkpoint))
            checkpoint.path.unlink(missing_ok=True)
        else:
            say(f"Step {name}: finished before.")
        self._done[name] = self._read(name)
        return self._done[name]

    @property
    def histories(self) -> dict[str, Sequence[Row]]:
        """Rows of the steps that trained something, by step, in the order in which they were run."""
        return {name: result.history for name, result in self._done.items() if result.history}

    def _is_done(self, name: str) -> bool:
        return (self._folder / f"{name}.json").is_file()

    def _keep(self, name: str, result: Result) -> None:
        if result.tensors:
            tensors = {key: value.detach().cpu().contiguous() for key, value in result.tensors.items()}
            file = self._folder / f"{name}.safetensors"
            write_whole(file, lambda path: save_file(tensors, path), SafetensorError)
        # Last, for this file says that the step is done.
        kept = {
            "figures": to_json_types(result.figures),
            "tensors": bool(result.tensors),
            "history": to_json_types(result.history),
        }
        write_whole(self._folder / f"{name}.json", lambda path: write_json(path, kept))

    def _read(self, name: str) -> Result:
        path = self._folder / f"{name}.json"
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            tensors = load_file(self._folder / f"{name}.safetensors") if kept["tensors"] else {}
            return Result(kept["figures"], tensors, kept["history"])
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise OutputError(
                f"the step kept in {str(path)!r} is damaged ({type(error).__name__})",
                "files as handshape wrote them",
                "delete it: the step is done again",
            ) from error

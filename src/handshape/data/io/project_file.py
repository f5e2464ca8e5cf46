"""The project file of Teach: a class folder in a zip archive, with a description beside the label folders."""

import json
import re
from collections.abc import Iterable

from handshape.data.io.tree import Tree
from handshape.data.sample import Sample

PROJECT = "project.json"
"""Name of the description, at the top of the archive."""
PROJECT_FORMAT = 1
SIGNER_PATTERN = r"([^/]+)_\d+\.\w+$"
"""Finds the signer in ``<label>/<signer>_<n>.jpg``, for ``--signer``."""
# A larger description was not written by handshape.
_LARGEST = 1_000_000


def take_project(tree: Tree) -> bool:
    """Take the description of a project out of a tree, for it is no data; return whether there was one."""
    for file in tree.top.files:
        if file.name != PROJECT:
            continue
        try:
            content = file.path.read_bytes()
            found = json.loads(content) if len(content) <= _LARGEST else None
        except (OSError, ValueError, RecursionError):
            return False
        if not isinstance(found, dict) or found.get("format") != PROJECT_FORMAT:
            return False
        tree.top.files.remove(file)
        return True
    return False


def names_signers(samples: Iterable[Sample]) -> bool:
    """Return whether the file names of a project say who signs."""
    return any(re.search(SIGNER_PATTERN, sample.name) for sample in samples)

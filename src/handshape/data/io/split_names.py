"""Names of splits, as folders, tables and columns of tables usually have them."""

import re
from collections.abc import Iterable

from handshape.data.sample import SPLITS, SplitName
from handshape.errors import DataError

_WORDS: dict[SplitName, str] = {
    "train": "train|training|trn",
    "valid": "valid|validation|validate|val|dev",
    "test": "test|testing|tst",
}
_SPLIT = {word: name for name, words in _WORDS.items() for word in words.split("|")}
# Such as Train, TRAINING_SET, test-images, or asl_alphabet_train: what is before it must be the same for all.
_NAME = re.compile(
    rf"(?:(?P<stem>.*)[\W_])?(?P<word>{'|'.join(_SPLIT)})(?:[\W_]*(?:set|data|dataset|images?|photos|split))?",
    re.IGNORECASE,
)


def split_of(name: str) -> SplitName | None:
    """Return the split that a cell of a table names, or None."""
    found = _NAME.fullmatch(name.strip())
    return _SPLIT[found["word"].lower()] if found and not found["stem"] else None


def find_splits(names: Iterable[str]) -> dict[str, SplitName]:
    """Find the names of splits among names of folders or tables.

    Args:
        names: Such as ``Train``, ``validation`` and ``notes``, or ``asl_alphabet_train`` and its like.

    Returns:
        Split of each name that is one; empty unless there are at least two different splits.

    Raises:
        DataError: Two names are of one split.
    """
    stems: dict[str, dict[str, SplitName]] = {}
    count = 0
    for count, name in enumerate(names, start=1):  # noqa: B007
        if found := _NAME.fullmatch(name):
            stems.setdefault((found["stem"] or "").lower(), {})[name] = _SPLIT[found["word"].lower()]
    splits = max(stems.values(), key=lambda one: len(set(one.values())), default={})
    together = {name: split for one in stems.values() for name, split in one.items()}
    if len(together) == count == len(set(together.values())):
        splits = together  # such as asl_train and test, with nothing beside them
    if len(set(splits.values())) < 2:
        return {}
    for split in SPLITS:
        same = sorted(name for name, found in splits.items() if found == split)
        if len(same) > 1:
            raise DataError(
                f"{' and '.join(map(repr, same))} both look like the {split} split",
                "one folder for each of train, valid and test",
                "rename or move one, or say --layout labels if these are labels",
            )
    return {name: splits[name] for name in sorted(splits, key=lambda one: SPLITS.index(splits[one]))}

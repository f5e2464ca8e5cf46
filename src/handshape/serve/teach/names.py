"""Names that are safe as those of folders and files, on every system."""

import re
import unicodedata
from typing import Literal

from handshape.errors import AlbumError

_LONGEST = 60  # characters of a name; with some accents that is 240 bytes, which file systems take
# Windows keeps these for devices, whatever their ending.
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
# Folders of these names are the parts of a split.
_SPLITS = {"train", "valid", "val", "test"}
_FORBIDDEN = set('/\\:*?"<>|')


def check_name(kind: Literal["sign", "signer"], text: str) -> str:
    """Return a name without the spaces around it, if it is safe for folders and files on every system.

    Raises:
        AlbumError: It could lead out of the folder, or some system does not allow it.
    """
    name = unicodedata.normalize("NFC", text).strip()
    odd = sorted({c for c in name if c in _FORBIDDEN or unicodedata.category(c)[0] == "C"})
    odd += [c for c in ("\u2028", "\u2029") if c in name]
    if not name or len(name) > _LONGEST:
        raise AlbumError(
            f"a name of {len(name)} characters for a {kind}", f"1 to {_LONGEST}", "choose another name"
        )
    if odd:
        raise AlbumError(
            f"the {kind} {name!r} has {odd[0]!r} in it", "letters, digits and spaces", "leave it out"
        )
    if name.startswith(".") or name.endswith("."):
        raise AlbumError(f"the {kind} {name!r} begins or ends with a dot", "a name without", "leave it out")
    if _RESERVED.fullmatch(name) or (kind == "sign" and name.casefold() in _SPLITS):
        raise AlbumError(
            f"{name!r} as the name of a {kind}", "one that is not reserved", "choose another name"
        )
    return name

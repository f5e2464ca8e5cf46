"""Check what a bundle claims before anything is made of it: its JSON, and its tensors. No torch."""

import json
import math
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

# Lists in lists, in JSON that handshape writes.
_DEEPEST = 16
_LARGEST_NUMBER = 2**63
# Bytes of the table of tensors; the largest backbone of torchvision has 100 kB.
_LARGEST_HEADER = 4 * 1024**2
_BITS = {
    "F64": 64,
    "F32": 32,
    "F16": 16,
    "BF16": 16,
    "I64": 64,
    "I32": 32,
    "I16": 16,
    "I8": 8,
    "U8": 8,
    "BOOL": 8,
}
_MOST_DIMENSIONS, _LARGEST_SIDE = 8, 2**40


class Wrong(NamedTuple):
    """What is wrong with a file of a bundle.

    Args:
        field: Where.
        reason: What.
    """

    field: str
    reason: str


def parse_json(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: It is no JSON, or is nested too deeply to be read.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("lists in lists in lists, too deep to be read") from None


def odd_values(value: Any) -> Iterator[Wrong]:
    """Yield numbers that are not finite or too large, half characters, and what is nested too deeply."""
    todo: list[tuple[str, Any, int]] = [("", value, 0)]
    while todo:
        field, one, depth = todo.pop()
        if depth > _DEEPEST:
            yield Wrong(field, f"has more than {_DEEPEST} lists in each other")
        elif isinstance(one, float) and not math.isfinite(one):
            yield Wrong(field, f"is {one}, not a finite number")
        elif isinstance(one, int) and abs(one) > _LARGEST_NUMBER:
            yield Wrong(field, "is a number that handshape does not write")
        elif isinstance(one, str) and not _is_unicode(one):
            yield Wrong(field, "has half a character")
        elif isinstance(one, dict):
            odd = [key for key in one if not _is_unicode(key)]
            if odd:
                yield Wrong(field or "a name", f"{odd[0]!r} has half a character")
            else:
                todo += [(f"{field}.{key}".lstrip("."), item, depth + 1) for key, item in one.items()]
        elif isinstance(one, list):
            todo += [(f"{field}.{number}", item, depth + 1) for number, item in enumerate(one)]


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def digest_of(fields: dict[str, Any]) -> str:
    """Return the digest of JSON fields, whatever their order and the blanks between them."""
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=16).hexdigest()


def check_tensors(content: bytes) -> Wrong | None:
    """Check the table of tensors of a safetensors file; None where it is right.

    Source: https://huggingface.co/docs/safetensors/index#format
    """
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > min(len(content) - 8, _LARGEST_HEADER):
        return Wrong("the file", "has no table of tensors, or one that is too large")
    try:
        table = parse_json(content[8 : 8 + size].decode())
    except ValueError as error:
        return Wrong("the file", f"its table of tensors cannot be read ({error})")
    if not isinstance(table, dict):
        return Wrong("the file", "its table of tensors is none")
    table.pop("__metadata__", None)
    places = []
    for name, about in table.items():
        try:
            place, bits = _place(about)
        except (KeyError, TypeError, ValueError) as error:
            return Wrong(name, f"is no tensor ({type(error).__name__})")
        if (place[1] - place[0]) * 8 != bits:
            return Wrong(name, f"has {place[1] - place[0]} bytes instead of {bits // 8}")
        places.append((place, name))
    end = 0
    for (start, stop), name in sorted(places):
        if start != end:
            return Wrong(name, "does not begin where the tensor before it ends")
        end = stop
    if end != len(content) - 8 - size:
        return Wrong("the file", f"has {len(content) - 8 - size} bytes of numbers instead of {end}")
    return None


def _place(about: Any) -> tuple[tuple[int, int], int]:
    """Return where a tensor's bytes are, and how many bits its type and shape want."""
    shape, (start, stop) = about["shape"], about["data_offsets"]
    numbers = [*shape, start, stop]
    if len(shape) > _MOST_DIMENSIONS or not all(type(one) is int for one in numbers):
        raise ValueError
    if not all(0 <= one <= _LARGEST_SIDE for one in numbers) or stop < start:
        raise ValueError
    return (start, stop), math.prod(shape) * _BITS[about["dtype"]]

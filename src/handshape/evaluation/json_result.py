"""What every measured figure has in common: it is frozen and turns into plain JSON."""

import math
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class JsonResult:
    """Base of the results of this package."""

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain JSON types.

        Returns:
            Numbers, strings, lists and dictionaries only; a number that is not finite is None.
        """
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


def _plain(value: Any) -> Any:
    if isinstance(value, JsonResult):
        return value.to_dict()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

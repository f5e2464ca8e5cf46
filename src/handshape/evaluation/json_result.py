"""Base of results that can be written as JSON."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class JsonResult:
    """Base of frozen dataclasses with results."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON types; a number that is not finite becomes None."""
        return {field.name: to_json_types(getattr(self, field.name)) for field in fields(self)}


def to_json_types(value: Any) -> Any:
    """Return a value with all results in it as JSON types; a number that is not finite becomes None."""
    if isinstance(value, JsonResult):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {key: to_json_types(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json_types(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

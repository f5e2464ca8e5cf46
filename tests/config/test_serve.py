from pathlib import Path
from typing import Any

import pytest

from handshape.config.serve import ServeConfig
from handshape.errors import UsageError


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        ({"port": 70_000}, "--port"),
        ({"threads": -1}, "--threads"),
        ({"token": "short"}, "--token"),
        ({"token": "ä" * 20}, "--token"),
        ({"key": Path("k")}, "--certificate"),
    ],
)
def test_serve_config__options_out_of_range(options: dict[str, Any], flag: str) -> None:
    with pytest.raises(UsageError, match=flag):
        ServeConfig(bundle=Path("bundle"), **options)

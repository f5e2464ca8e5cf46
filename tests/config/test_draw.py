from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from handshape.config.draw import DrawConfig
from handshape.errors import UsageError


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"signers": 0}, "--signers 0; expected a whole number from 1 to 10000; change --signers"),
        ({"images": 0}, "--images 0; expected a whole number from 1 to 1000000; change --images"),
        ({"size": 47}, "--size 47; expected a whole number from 48 to 1024; change --size"),
        ({"seed": -1}, "--seed -1; expected a whole number from 0 to 4294967295; change --seed"),
        ({"workers": -1}, "--workers -1; expected a whole number from 0 to 1024; change --workers"),
        ({"style": "beach"}, "--style 'beach'; expected studio or room; choose one of them"),
    ],
)
def test_draw_config__refuses_impossible_settings(options: dict[str, Any], expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        DrawConfig(out=Path("hands"), **options)


def test_draw_config__every_field_has_a_help_text() -> None:
    assert all(field.metadata["help"] for field in fields(DrawConfig))

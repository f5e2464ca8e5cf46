from pathlib import Path
from typing import Any

import pytest

from handshape.config.data import DataConfig, check_fractions
from handshape.errors import UsageError


@pytest.mark.parametrize(
    "valid, test", [(0.0, 0.2), (0.2, 0.0), (-0.1, 0.2), (0.5, 0.5), (float("nan"), 0.2)]
)
def test_check_fractions__nothing_left_for_a_side(valid: float, test: float) -> None:
    text = (
        rf"fractions of {valid} for valid and {test} for test; expected two positive numbers whose sum is "
        "below 1; change --valid-fraction or --test-fraction"
    )
    with pytest.raises(UsageError, match=text):
        check_fractions(valid, test)
    with pytest.raises(UsageError, match=text):
        DataConfig(data=Path("photos"), valid_fraction=valid, test_fraction=test)


def test_data_config__fractions_are_refused_before_anything_is_read(cli: Any, tmp_path: Path) -> None:
    answer = cli("inspect", tmp_path / "nowhere", "--test-fraction", "0.9")
    assert answer.code == 2
    assert answer.err.startswith("handshape inspect: fractions of 0.2 for valid and 0.9 for test")

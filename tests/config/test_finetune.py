from typing import Any

import pytest

from handshape.config.finetune import FinetuneOptions
from handshape.errors import UsageError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tuning_epochs": 0}, "--tuning-epochs 0; expected a positive number"),
        ({"tuning_rate": -1.0}, "--tuning-rate -1.0; expected a positive number"),
        ({"patience": 0}, "--patience 0; expected a positive number"),
    ],
)
def test_finetune_options__ranges(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        FinetuneOptions(**options)

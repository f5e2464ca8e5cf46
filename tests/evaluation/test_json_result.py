import json
import math
from dataclasses import dataclass

from handshape.evaluation.json_result import JsonResult


@dataclass(frozen=True)
class Inner(JsonResult):
    share: float


@dataclass(frozen=True)
class Outer(JsonResult):
    inner: Inner
    by_label: dict[str, Inner]
    pair: tuple[float, float]
    missing: None = None


def test_to_dict__nested_figures_become_plain_json() -> None:
    figure = Outer(Inner(math.nan), {"A": Inner(0.5)}, (0.0, math.inf))
    expected = {
        "inner": {"share": None},
        "by_label": {"A": {"share": 0.5}},
        "pair": [0.0, None],
        "missing": None,
    }
    assert figure.to_dict() == expected
    assert json.loads(json.dumps(figure.to_dict(), allow_nan=False)) == expected

import numpy as np
import pytest
from benchmarks.next_signer import simulate

from handshape.evaluation.intervals.next_group import predict_next


def test_predict_next__is_wider_than_the_spread_of_few() -> None:
    found = predict_next(np.array([117, 120, 128, 125]), np.full(4, 130))
    assert found is not None and found.photos == 130
    assert found.low < 117 / 130 and found.high == 1.0


def test_predict_next__nobody_knows_of_two() -> None:
    assert predict_next(np.array([9, 8]), np.array([10, 10])) is None


def test_predict_next__without_a_mistake_more_signers_promise_more() -> None:
    lows = []
    for signers in (3, 4, 10, 30):
        found = predict_next(np.full(signers, 100), np.full(signers, 100))
        assert found is not None and found.high == 1.0
        lows.append(found.low)
    assert lows == sorted(lows) and 0.8 < lows[0] < lows[-1] < 1


@pytest.mark.parametrize("signers", [3, 6, 30])
@pytest.mark.parametrize("accuracy", [0.6, 0.8, 0.9, 0.95, 0.98])
@pytest.mark.parametrize("spread", [0.0, 0.05, 0.2])
def test_predict_next__contains_the_next_signers_accuracy(
    signers: int, accuracy: float, spread: float
) -> None:
    repetitions = 600
    share, _ = simulate(signers, accuracy, spread, 80, repetitions)
    slack = 2 * (0.95 * 0.05 / repetitions) ** 0.5
    assert share >= 0.92 - slack
    assert accuracy >= 0.95 or share <= 0.98 + slack

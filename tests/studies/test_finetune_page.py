from typing import Any

import pytest

from handshape.studies.finetune_page import answer


def gain(difference: float, low: float, high: float) -> dict[str, Any]:
    return {"against_frozen": {"difference": difference, "low": low, "high": high}}


LUCK, BETTER, WORSE = gain(0.02, -0.01, 0.05), gain(0.04, 0.01, 0.07), gain(-0.03, -0.05, -0.01)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            {1: {"last": WORSE, "all": LUCK}, 5: {"last": LUCK, "all": BETTER}},
            "Tuning paid here from 5 photos of each label on, at 1 of 2 sizes: with all tuned, +4.0 points "
            "(+1.0 to +7.0) against the frozen network",
        ),
        (
            {1: {"last": LUCK, "all": LUCK}},
            "These photos do not show that tuning pays: the largest gain was +2.0 points (-1.0 to +5.0), "
            "last block tuned with 1 photo of each label, which could be luck",
        ),
        ({2: {"last": WORSE, "all": WORSE}}, "Tuning did not pay here and cost accuracy at 1 of 1 sizes"),
        (
            {2: {"last": gain(0, -0.1, 0.1), "all": gain(0, -0.1, 0.1)}},
            "Tuning did not pay here: at no size did it read more test photos right than the frozen network",
        ),
    ],
)
def test_answer__says_what_the_figures_support(found: Any, words: str) -> None:
    assert answer(found) == words

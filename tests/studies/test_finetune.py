from pathlib import Path
from typing import Any

import pytest

from handshape.config.study import FinetuneConfig
from handshape.studies.finetune import choose_training_photos, find_finetune_answer
from handshape.studies.steps import StudyData


def test_choose_training_photos__smaller_choices_are_part_of_larger_ones(data: StudyData) -> None:
    chosen = choose_training_photos(FinetuneConfig(data=Path("photos"), sizes="1,2,all"), data)
    train = data.splits["train"]
    assert [*chosen] == [1, 2, len(train) // 3] and sorted(train) == chosen[len(train) // 3].tolist()
    for count, photos in chosen.items():
        assert [(data.classes[photos] == label).sum() for label in range(3)] == [count] * 3
    assert set(chosen[1]) < set(chosen[2]) < set(train)


def _gain(difference: float, low: float, high: float) -> dict[str, Any]:
    return {"against_frozen": {"difference": difference, "low": low, "high": high}}


CHANCE, BETTER, WORSE = _gain(0.02, -0.01, 0.05), _gain(0.04, 0.01, 0.07), _gain(-0.03, -0.05, -0.01)
NO = "Fine-tuning did not pay here: it was more accurate than the frozen network at no size"


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({1: {"last": WORSE, "all": CHANCE}, 5: {"last": CHANCE, "all": BETTER}},
         "Fine-tuning improved accuracy at 1 of 2 training sizes, first by +4.0 points (+1.0 to +7.0) "
         "(all tuned, 5 of each label)"),
        ({1: {"last": CHANCE, "all": CHANCE}},
         "These photos do not show that fine-tuning pays: the largest gain, +2.0 points (-1.0 to +5.0) "
         "(last block tuned, 1 of each label), may be chance"),
        ({2: {"last": WORSE, "all": WORSE}}, f"{NO} and reduced accuracy at 1 of 1 training sizes"),
        ({2: {"last": _gain(0, -0.1, 0.1), "all": _gain(0, -0.1, 0.1)}}, NO),
    ],
)  # fmt: skip
def test_find_finetune_answer__what_the_intervals_support(sizes: Any, words: str) -> None:
    with_frozen = {n: {**models, "frozen": {"test_accuracy": 0.8}} for n, models in sizes.items()}
    assert find_finetune_answer(with_frozen) == words
    for models in with_frozen.values():
        models["frozen"]["test_accuracy"] = 1.0
    assert find_finetune_answer(with_frozen).startswith("These photos cannot answer whether fine-tuning pays")

from pathlib import Path

import numpy as np
import torch

from handshape.training.history import accuracy_of, write_history


def test_write_history__one_row_an_epoch_and_gaps_where_a_row_lacks_something(tmp_path: Path) -> None:
    first, second = {"epoch": 1, "loss": 0.5}, {"epoch": 1, "psnr": 20.0}
    write_history(tmp_path / "history.csv", "step", {"cnn": [first, first], "decoder": [second]})
    text = (tmp_path / "history.csv").read_text(encoding="utf-8")
    assert text.split() == ["step,epoch,loss,psnr", "cnn,1,0.5,", "cnn,1,0.5,", "decoder,1,,20.0"]


def test_accuracy_of__the_largest_of_each_row() -> None:
    logits = torch.tensor([[0.0, 2.0], [3.0, 1.0], [0.0, -1.0], [5.0, 6.0]])
    assert accuracy_of(logits, np.array([1, 0, 1, 1])) == 0.75

from pathlib import Path

import pytest
from tests.training.conftest import fitter, sides_of

from handshape.data.images.index import ImageIndex


def test_fit_cnn__counts_its_parameters(scan: ImageIndex, tmp_path: Path) -> None:
    fitted = fitter(scan, tmp_path / "cache", None).fit("cnn", sides_of(scan))
    convolutions = sum(
        9 * before * after + 3 * after for before, after in ((3, 4), (4, 8), (8, 16), (16, 32))
    )
    count = convolutions + (32 * 14 * 14 + 1) * 100 + 101 * 3
    assert fitted.parameters == {"total": count, "trained": count}
    assert len(fitted.history) == 2
    assert fitted.seconds["features"] == 0
    assert fitted.seconds["total"] == pytest.approx(fitted.seconds["train"] + fitted.seconds["features"])

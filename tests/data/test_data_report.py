import shutil
from pathlib import Path
from typing import Any, Literal

import pytest
from tests import cases

from handshape.data.data_report import DataReport, make_data_report
from handshape.data.images.index import index_images
from handshape.data.io.folder import read_folder


def data_report(
    root: Path,
    cache_dir: Path,
    *,
    kind: Literal["auto", "given", "signer", "random"] = "auto",
    signer: str | None = None,
    seed: int = 0,
) -> DataReport:
    indexed = index_images(read_folder(root, signer=signer), cache_dir, size=32)
    return make_data_report(indexed, kind=kind, valid_fraction=0.2, test_fraction=0.2, seed=seed)


@pytest.fixture
def with_copies(make_photos: Any) -> Path:
    """Photos of which each has three exact copies."""
    root: Path = make_photos("AB", signers=4, images=2)
    for path in sorted(root.glob("*/*.png")):
        for copy in range(3):
            shutil.copy(path, path.with_name(f"{path.stem}-copy{copy}.png"))
    return root


def test_survey_data__bursts_stay_on_one_side(with_copies: Path, tmp_path: Path) -> None:
    found = data_report(with_copies, tmp_path / "cache")
    assert (found.split.kind, found.split.grouped) == ("random", True)
    sides: dict[int, set[str | None]] = {}
    for burst, sample in zip(found.bursts.tolist(), found.split.dataset.samples, strict=True):
        sides.setdefault(burst, set()).add(sample.split)
    assert all(len(side) == 1 for side in sides.values())
    assert found.leaks.share == 0


def test_survey_data__a_random_split_that_was_asked_for_leaks(with_copies: Path, tmp_path: Path) -> None:
    found = data_report(with_copies, tmp_path / "cache", kind="random")
    assert (found.split.kind, found.split.grouped) == ("random", False)
    assert found.leaks.share > 0.5
    assert "exact_duplicates" in {finding.kind for finding in found.findings}


def test_survey_data__known_signers_need_no_bursts(with_copies: Path, tmp_path: Path) -> None:
    found = data_report(with_copies, tmp_path / "cache", signer=r"signer(\d)_")
    assert (found.split.kind, found.split.grouped) == ("signer", False)


def test_survey_data__no_near_duplicates_no_groups(make_photos: Any, tmp_path: Path) -> None:
    found = data_report(make_photos("AB", signers=4, images=2), tmp_path / "cache")
    assert found.split.grouped == (len(found.pairs) > 0)


def test_digest__stands_for_content_and_sides(with_copies: Path, tmp_path: Path) -> None:
    first = data_report(with_copies, tmp_path / "cache")
    assert data_report(with_copies, tmp_path / "cache").digest == first.digest
    assert data_report(with_copies, tmp_path / "cache", seed=1).digest != first.digest
    (with_copies / "A" / "signer1_0.png").unlink()
    assert data_report(with_copies, tmp_path / "cache").digest != first.digest


def test_digest__stands_for_sources_where_they_are_known(make_photos: Any, tmp_path: Path) -> None:
    root = make_photos("AB", signers=4, images=2)
    indexed = index_images(read_folder(root), tmp_path / "cache", size=32)
    named = index_images(read_folder(root, source=r"signer(\d)_"), tmp_path / "cache", size=32)
    first, second = (
        make_data_report(one, kind="random", valid_fraction=0.2, test_fraction=0.2, seed=0).digest
        for one in (indexed, named)
    )
    assert first != second


def test_make_data_report__says_which_labels_a_split_lacks(tmp_path: Path) -> None:
    root = cases.split_folders(tmp_path / "d", ("train", "valid", "test"))
    shutil.rmtree(root / "train" / "D")
    shutil.rmtree(root / "test" / "A")
    indexed = index_images(read_folder(root), tmp_path / "cache", size=32)
    report = make_data_report(indexed, kind="auto", valid_fraction=0.2, test_fraction=0.2, seed=0)
    found = {one.kind: (one.severity, one.message, one.labels) for one in report.findings}
    severity, message, labels = found["no_training_photos"]
    assert severity == "serious" and labels == ("D",)
    assert message == "No training photo shows D. Such a label is never predicted. Add training photos."
    assert found["no_test_photos"][2] == ("A",)


def test_make_data_report__two_signers_are_too_few_and_said(make_photos: Any, tmp_path: Path) -> None:
    root = make_photos("AB", signers=2, images=4)
    report = data_report(root, tmp_path / "cache", signer=r"signer(\d)_")
    assert report.split.kind == "random" and report.claim.kind == "unseen photos"
    (found,) = (one for one in report.findings if one.kind == "two_signers")
    assert found.message.startswith("Only two signers are known (1 and 2).")
    assert "not in the training data" not in report.claim.whom

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handshape.models.backbones.registry import Backbone

SMALL = ("--backbone", "squeezenet1_1", "--weights", "untrained", "--device", "cpu", "--json")


@pytest.mark.parametrize("pool, side", [(0, 13), (1, 1), (4, 4)])
def test_features__says_what_is_in_the_cache(
    cli: Any, make_photos: Callable[..., Path], tmp_path: Path, pool: int, side: int
) -> None:
    photos, cache_dir = make_photos("AB", signers=1, images=2), tmp_path / "cache"
    found = cli("features", photos, "--cache", cache_dir, "--pool", pool, *SMALL).json
    assert (found["images"], found["views"]) == (4, 1)
    assert found["shape"] == [512, side, side]
    assert found["bytes"] == 2 * 4 * 512 * side * side * 2
    assert found["backbone"] == "squeezenet1_1" and found["weights"] == "untrained"
    assert Path(found["cache"]) == cache_dir and any((cache_dir / "features").glob("squeezenet1_1-*.lance"))


def test_features__are_extracted_once(
    cli: Any, make_photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, passes = make_photos("AB", signers=1, images=4), list[int]()
    forward = Backbone.forward

    def counted(self: Backbone, images: Any) -> Any:
        passes.append(len(images))
        return forward(self, images)

    monkeypatch.setattr(Backbone, "forward", counted)
    words = ("features", photos, "--cache", tmp_path / "cache", "--views", 1, *SMALL)
    assert cli(*words).json["views"] == 1
    assert sum(passes) == 2 * 8  # every photo and one view of each
    passes.clear()
    assert cli(*words).code == 0
    assert passes == []


def test_features__an_unreadable_label_and_one_label_do_not_matter(
    cli: Any, make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    answer = cli("features", make_photos("A", signers=1, images=1), "--cache", tmp_path / "cache", *SMALL)
    assert answer.code == 0 and answer.json["images"] == 1


def test_features__for_people(cli: Any, make_photos: Callable[..., Path], tmp_path: Path) -> None:
    photos = make_photos("A", signers=1, images=2)
    answer = cli("features", photos, "--cache", tmp_path / "cache", "--pool", 2, *SMALL[:-1])
    assert "2 images, 2 views each: 512 x 2 x 2 features of squeezenet1_1" in answer.out
    assert "Weights: untrained" in answer.out and str(tmp_path / "cache") in answer.out


def test_features__unknown_backbone_lists_near_names(
    cli: Any, make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    answer = cli("features", make_photos("A"), "--cache", tmp_path / "cache", "--backbone", "squeezenet1")
    assert answer.code == 1
    last = answer.err.splitlines()[-1]
    assert last.startswith("handshape features: no backbone 'squeezenet1'")
    assert "did you mean squeezenet1_" in last

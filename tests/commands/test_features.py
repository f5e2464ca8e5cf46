from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handshape.data.images.prepared import content_digest
from handshape.features.hand_landmarks import HandCache
from handshape.inference.engine import Graph

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


def test_features__nothing_is_computed_twice(
    cli: Any, make_photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos, passes = make_photos("AB", signers=1, images=4), Counter[str]()
    run = Graph.run

    def counted(self: Graph, **inputs: Any) -> Any:
        passes[self.outputs[0]] += len(inputs["images"])
        return run(self, **inputs)

    monkeypatch.setattr(Graph, "run", counted)
    words = ("features", photos, "--cache", tmp_path / "cache", "--views", 1, *SMALL)
    assert cli(*words).json["views"] == 1
    assert passes["features"] == 2 * 8 and passes["palm"] >= 8  # every photo, one view of each, every hand
    passes.clear()
    assert cli(*words).code == 0
    assert passes == {}
    digests = [content_digest(photo.read_bytes()) for photo in photos.glob("*/*")]
    assert len(digests) == 8 and HandCache(tmp_path / "cache").missing(digests) == set()

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa

from handshape.cache.keys import Keys


def commit(path: Path, numbers: Sequence[int], view: int = 0, *, mode: str = "append") -> Any:
    rows = {"digest": pa.array(map(str, numbers)), "view": pa.array([view] * len(numbers), pa.int16())}
    return lance.write_dataset(pa.table(rows), str(path), mode=mode if path.exists() else "create")


def test_follow__no_table() -> None:
    keys = Keys()
    keys.follow(None)
    assert not keys.has("1", 0)
    assert keys.places(["1"], 0).tolist() == [-1]
    assert keys.places([], 0).tolist() == []


def test_follow__rows_of_each_view(tmp_path: Path) -> None:
    keys = Keys()
    for number in range(4):
        keys.follow(commit(tmp_path / "t", [2 * number, 2 * number + 1], view=number % 2))
    assert keys.places(["5", "4", "0", "2"], 0).tolist() == [5, 4, 0, -1]
    assert keys.places(["2", "7"], 1).tolist() == [2, 7]
    assert keys.has("5", 0) and not keys.has("5", 1)


def test_follow__after_rows_went_and_fragments_were_merged(tmp_path: Path) -> None:
    keys, path = Keys(), tmp_path / "t"
    for number in range(3):
        keys.follow(commit(path, [number, number + 10]))
    found = lance.dataset(str(path))
    found.delete("digest = '1'")
    keys.follow(lance.dataset(str(path)))
    assert not keys.has("1", 0)
    assert keys.places(["0", "1", "11", "12"], 0).tolist() == [0, -1, 2, 4]
    found.optimize.compact_files()
    keys.follow(lance.dataset(str(path)))
    stored = lance.dataset(str(path)).to_table()["digest"].to_pylist()
    assert keys.places(["12"], 0).tolist() == [stored.index("12")]


def test_follow__a_table_that_was_made_anew(tmp_path: Path) -> None:
    keys, path = Keys(), tmp_path / "t"
    keys.follow(commit(path, [1, 2]))
    keys.follow(commit(tmp_path / "other", [3, 4]))  # its fragment has the same number
    assert keys.has("3", 0) and not keys.has("1", 0)

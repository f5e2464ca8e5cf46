import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handshape.cache.table import CacheTable


def open_table(folder: Path, name: str = "t") -> CacheTable:
    return CacheTable(folder / f"{name}.lance", {"value": pa.int64()}, {"about": "a test"})


def names(numbers: Iterable[int]) -> list[str]:
    return [f"{number:032x}" for number in numbers]


def add(table: CacheTable, numbers: Iterable[int], view: int = 0) -> None:
    listed = list(numbers)
    table.append(names(listed), view, {"value": pa.array([n + 1000 * view for n in listed], pa.int64())})


def values(table: CacheTable, numbers: Iterable[int], view: int = 0) -> list[int]:
    found: list[int] = table.read(table.rows(names(numbers), view))["value"].to_pylist()
    return found


def test_rows__no_table_yet(tmp_path: Path) -> None:
    table = open_table(tmp_path)
    assert len(table) == 0
    assert table.rows(names([1, 2]), 0).tolist() == [-1, -1]
    assert table.rows([], 0).tolist() == []
    table.compact()
    assert not table.path.exists()


def test_read__in_the_order_asked_for(tmp_path: Path) -> None:
    table = open_table(tmp_path)
    add(table, range(50))
    add(table, range(50, 60))
    assert values(table, [55, 0, 55, 49]) == [55, 0, 55, 49]  # few: a random read
    order = [*range(59, -1, -1), 7]
    assert values(table, order) == order  # many: a whole read


def test_append__a_folder_left_by_a_killed_process(tmp_path: Path) -> None:
    table = open_table(tmp_path)
    (table.path / "_versions").mkdir(parents=True)
    (table.path / "data").mkdir()
    assert table.rows(names([1]), 0).tolist() == [-1]
    assert len(table) == 0
    add(table, [1])
    assert values(table, [1]) == [1]


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.lists(st.integers(0, 12), max_size=6), st.integers(0, 1)), max_size=5))
def test_append__like_a_dictionary(
    tmp_path_factory: pytest.TempPathFactory, batches: list[tuple[list[int], int]]
) -> None:
    table, kept = open_table(tmp_path_factory.mktemp("table")), dict[tuple[int, int], int]()
    for batch, (numbers, view) in enumerate(batches):
        written = [100 * batch + place for place in range(len(numbers))]
        table.append(names(numbers), view, {"value": pa.array(written, pa.int64())})
        for number, value in zip(numbers, written, strict=True):
            kept.setdefault((number, view), value)
    assert len(table) == len(kept)
    for view in (0, 1):
        there = [number for number, at in kept if at == view]
        if there:
            assert values(table, there, view) == [kept[number, view] for number in there]
        absent = [number for number in range(13) if (number, view) not in kept]
        assert (table.rows(names(absent), view) == -1).all()


def test_compact__keeps_every_row(tmp_path: Path) -> None:
    table = open_table(tmp_path)
    for number in range(35):
        add(table, [number])
    assert len(lance.dataset(str(table.path)).get_fragments()) == 35
    table.compact()
    assert len(lance.dataset(str(table.path)).get_fragments()) == 1
    order = list(np.random.default_rng(0).permutation(35))
    assert values(table, order) == order
    table.compact()  # little is left to do
    assert len(table) == 35


# Processes of their own that import no more than the table: each works on batches of numbers.
WRITER = """
import sys, time
from pathlib import Path
import pyarrow as pa
from handshape.cache.table import CacheTable
folder, batch, numbers = Path(sys.argv[1]), int(sys.argv[2]), eval(sys.argv[3])
table = CacheTable(folder / "t.lance", {"value": pa.int64()}, {"about": "a test"})
print("ready", flush=True)
while not (folder / "go").exists():
    time.sleep(0.001)
for at in range(0, len(numbers), batch):
    some = list(numbers[at : at + batch])
    table.append([f"{n:032x}" for n in some], 0, {"value": pa.array(some, pa.int64())})
table.compact()
"""


def start_writer(folder: Path, batch: int, numbers: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WRITER, str(folder), str(batch), numbers]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"ready\n"
    return writer


def test_append__two_processes_with_the_same_rows(tmp_path: Path) -> None:
    writers = [start_writer(tmp_path, 5, numbers) for numbers in ("range(200)", "range(199, -1, -1)")]
    (tmp_path / "go").touch()
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    table = open_table(tmp_path)
    assert len(table) == 200
    assert values(table, range(200)) == list(range(200))


def test_append__killed_in_the_middle(tmp_path: Path) -> None:
    writer = start_writer(tmp_path, 3, "range(3_000_000)")
    (tmp_path / "go").touch()
    table, deadline = open_table(tmp_path), time.monotonic() + 120
    while len(table) < 15 and time.monotonic() < deadline:
        time.sleep(0.01)
    writer.kill()
    writer.communicate(timeout=60)
    assert writer.returncode == -signal.SIGKILL
    count = len(table)
    assert count >= 15
    assert count % 3 == 0  # commits are whole
    assert values(table, range(count)) == list(range(count))
    add(table, [10**7])  # the lock of the dead does not hold
    assert len(table) == count + 1


def wide(folder: Path) -> CacheTable:
    return CacheTable(folder / "wide.lance", {"row": pa.list_(pa.float16(), 3)}, {"about": "a test"})


@pytest.mark.parametrize("count", [5, 1500])
def test_read_into__in_the_order_asked_for(tmp_path: Path, count: int) -> None:
    table = wide(tmp_path)
    for start in range(0, 1500, 500):
        numbers = np.arange(start, start + 500)
        flat = pa.array(np.stack([numbers, numbers + 0.5, -numbers], axis=1).astype(np.float16).reshape(-1))
        table.append(names(numbers), 0, {"row": pa.FixedSizeListArray.from_arrays(flat, 3)})
    asked = np.random.default_rng(0).integers(7, 1500, count)
    out = np.zeros((count, 3), dtype=np.float16)
    table.read_into(table.rows(names(asked), 0), out)
    np.testing.assert_array_equal(out, np.stack([asked, asked + 0.5, -asked], axis=1).astype(np.float16))


def test_read_into__nothing(tmp_path: Path) -> None:
    table = wide(tmp_path)
    table.read_into(table.rows([], 0), np.zeros((0, 3), dtype=np.float16))

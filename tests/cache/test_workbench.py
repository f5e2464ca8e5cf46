import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import Timeout

from handshape.cache.atomic import _partial_folders, _target_of, lock_folder, partial_folder, remove_abandoned

HOLD = (
    "import sys, time, pathlib; from handshape.cache.atomic import *\n"
    "with lock_folder(pathlib.Path(sys.argv[1])):\n"
    "    (pathlib.Path(sys.argv[1]) / 'half').touch(); print('held', flush=True); time.sleep(60)"
)


def test_workbench_of__is_beside_its_place_and_knows_it(tmp_path: Path) -> None:
    place = tmp_path / "my run.é"
    assert partial_folder(place) == tmp_path / ".my run.é.handshape.partial"
    assert _target_of(partial_folder(place)) == place


def test_hold_workbench__is_gone_when_it_is_left(tmp_path: Path) -> None:
    bench = partial_folder(tmp_path / "deep" / "run")
    with pytest.raises(RuntimeError), lock_folder(bench):
        (bench / "folder").mkdir()
        assert _partial_folders(bench.parent) == [bench]
        with pytest.raises(Timeout), lock_folder(bench):
            pytest.fail("it is held")
        raise RuntimeError
    assert list(bench.parent.iterdir()) == []


def test_clear_dead__only_what_no_process_holds(tmp_path: Path) -> None:
    bench = partial_folder(tmp_path / "run")
    (tmp_path / ".photos.partial").mkdir()  # somebody else's
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(bench)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    remove_abandoned(tmp_path)
    with pytest.raises(Timeout), lock_folder(bench):
        pytest.fail("it is held")
    assert (bench / "half").exists()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with lock_folder(bench):
        assert (bench / "half").exists()  # for the next that holds it to look at
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(bench)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    remove_abandoned(tmp_path)
    remove_abandoned(tmp_path / "nowhere")
    assert [path.name for path in tmp_path.iterdir()] == [".photos.partial"]

import signal
import subprocess
import sys
from pathlib import Path

from handshape.cache.readers import Reader, nobody_reads


def alone(path: Path) -> bool:
    with nobody_reads(path) as nobody:
        return nobody


def test_nobody_reads__as_long_as_nobody_does(tmp_path: Path) -> None:
    path = tmp_path / "t.lance"
    assert alone(path)
    first, second = Reader(path), Reader(path)
    assert not alone(path)
    first.close()
    first.close()  # which it was already
    assert not alone(path)
    del second
    assert alone(path)
    Reader(path)  # gone at once
    assert alone(path)


def test_nobody_reads__tables_are_apart(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "a.lance")
    assert alone(tmp_path / "b.lance")
    assert not alone(tmp_path / "a.lance")
    reader.close()


def test_nobody_reads__a_reader_that_was_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from handshape.cache.readers import Reader\n"
        "reader = Reader(Path(sys.argv[1])); print('ready', flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "t.lance")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        assert not alone(tmp_path / "t.lance")
        process.send_signal(signal.SIGKILL)
    assert alone(tmp_path / "t.lance")


def test_nobody_reads__where_nothing_can_be_locked(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "t.lance"
    assert not alone(path)  # nobody knows
    Reader(path).close()

"""The commands and answers of docs/reference/server.md are run and compared."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import draw_shape
from tests.serving import Running

TEXT = (Path(__file__).parents[1] / "docs" / "reference" / "server.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_docs_serve__every_curl_runs(serve: Callable[..., Running], in_folder: Path) -> None:
    draw_shape(0, 1, 0).save(in_folder / "hand.jpg")
    draw_shape(1, 1, 0).save(in_folder / "other.png")
    running = serve()
    lines = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("curl")]
    assert len(lines) == 8
    for line in lines:
        words = shlex.split(line.replace("127.0.0.1:8321", running.authority))
        done = subprocess.run([*words, "-sS", "--fail"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        if "predict" in line:
            example, found = json.loads(blocks("json")[0]), json.loads(done.stdout)
            assert set(found) == set(example)
            assert set(found["predictions"][0]) | {"name"} == set(example["predictions"][0])


def test_docs_serve__names_every_code_and_option() -> None:
    from handshape.config.serve import ServeConfig
    from handshape.serve.errors import ERROR_CODES

    table = dict(re.findall(r"^\| (\d{3}) \| `(\w+)` \|", TEXT, re.MULTILINE))
    assert table == {str(status): code for status, code in ERROR_CODES.items()}
    options = set(ServeConfig.__dataclass_fields__) - {"bundle"}
    assert {f"--{name.replace('_', '-')}" for name in options} <= set(re.findall(r"--[a-z-]+", TEXT))

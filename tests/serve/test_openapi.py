import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.serve.conftest import Server
from tests.serving import Running


@pytest.mark.slow
def test_openapi__schemathesis_finds_nothing(serve: Callable[..., Running], tmp_path: Path) -> None:
    running = serve("--teach", tmp_path / "taught", "--cache", tmp_path / "cache")
    tool = Path(sys.executable).with_name("schemathesis")
    words = ["run", f"http://{running.authority}/openapi.json", "--checks", "all", "--max-examples", "25"]
    # Not every string is a photo, so valid requests may be refused.
    words += ["--exclude-checks", "positive_data_acceptance", "--seed", "1", "--no-color"]
    done = subprocess.run([tool, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "14 selected / 14 total" in done.stdout and "FAILURES" not in done.stdout, done.stdout
    assert running.end()[0] == 0


def test_openapi__describes_every_answer(server: Server) -> None:
    found = server.ask("GET", "/openapi.json").json
    assert set(found["paths"]) == {"/v1/predict", "/v1/model", "/healthz", "/readyz", "/metrics"}
    predict = found["paths"]["/v1/predict"]["post"]
    assert set(predict["responses"]) == {"200", "400", "401", "403", "408", "409", "413", "415", "422", "503"}
    assert {"multipart/form-data", "image/jpeg"} < set(predict["requestBody"]["content"])
    for path in found["paths"].values():
        for operation in path.values():
            assert operation["summary"]
            for status, response in operation["responses"].items():
                if status >= "400":
                    schema = response["content"]["application/json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/ErrorBody"}
    assert json.dumps(found).count("HTTPValidationError") == 0


def test_openapi__loads_nothing_from_other_servers(server: Server) -> None:
    assert server.ask("GET", "/docs").status == server.ask("GET", "/redoc").status == 404

import json
import signal
import socket
import ssl
import subprocess
import threading
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.serve.conftest import form, png
from tests.serving import Running


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve__ends_cleanly_and_reports(serve: Callable[..., Running], number: int) -> None:
    running = serve("--json")
    body, kind = form(("image", "a.png", png()), ("image", "b.png", png()))
    assert len(json.loads(running.open("/v1/predict", body, Content_Type=kind))["predictions"]) == 2
    code, out, err = running.end(number)
    assert (code, err) == (0, "")
    assert json.loads(out) == {"url": f"http://{running.authority}/", "photos": 2}


@pytest.mark.slow
def test_serve__answers_what_was_asked_before_it_ended(serve: Callable[..., Running]) -> None:
    running = serve("--json")
    body, kind = form(*[("image", "a.png", png())] * 8)  # the server waits for 5 seconds
    answers: list[bytes] = []
    asking = threading.Thread(
        target=lambda: answers.append(running.open("/v1/predict", body, Content_Type=kind))
    )
    asking.start()
    while b"handshape_waiting_photos 0.0" in running.open("/metrics") and not answers:
        pass
    code, out, _ = running.end()
    asking.join()
    assert (code, json.loads(out)["photos"]) == (0, 8)
    assert len(json.loads(answers[0])["predictions"]) == 8


@pytest.mark.slow
def test_serve__on_a_network_the_token_is_printed_once(serve: Callable[..., Running]) -> None:
    running = serve("--host", "0.0.0.0")
    assert len(running.token) >= 32
    with pytest.raises(urllib.error.HTTPError, match="401"):
        running.open("/v1/model")
    assert json.loads(running.open("/v1/model", Authorization=f"Bearer {running.token}"))["labels"]
    code, out, err = running.end()
    assert code == 0 and running.token not in out + err


@pytest.mark.slow
def test_serve__a_log_as_json_without_the_token(serve: Callable[..., Running], tmp_path: Path) -> None:
    token = "a-token-of-my-own"
    (tmp_path / "token").write_text(token)
    running = serve("--log", "json", "--token-file", tmp_path / "token", "--host", "0.0.0.0")
    assert running.token is None
    running.open(f"/healthz?token={token}")
    with pytest.raises(urllib.error.HTTPError) as refused:
        running.open("/v1/model?token=wrong", X_Request_ID="mine")
    assert json.loads(refused.value.read())["request_id"] == refused.value.headers["x-request-id"] == "mine"
    if (words := Path(f"/proc/{running.process.pid}/cmdline")).exists():
        assert token.encode() not in words.read_bytes()
    code, _, log = running.end()
    assert code == 0 and token not in running.started + log
    lines = [json.loads(line) for line in (running.started + log).splitlines()]
    assert any("On the network: http://" in line["message"] for line in lines)
    asked = [line for line in lines if "method" in line]
    assert [(line["status"], line["path"]) for line in asked if line["request_id"] == "mine"] == [
        (401, "/v1/model")
    ]
    assert asked[0].keys() == {
        *("time", "level", "request_id", "method", "path", "status", "ms", "address", "message")
    }


@pytest.mark.slow
def test_serve__over_tls(serve: Callable[..., Running], tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key)]
    words += ["-out", str(certificate)]
    subprocess.run([*words, *subject], check=True, capture_output=True, timeout=120)
    running = serve("--certificate", certificate, "--key", key, "--host", "localhost", "--token", "a" * 20)
    assert running.scheme == "https"
    context = ssl.create_default_context(cafile=str(certificate))
    head = f"GET /?token={'a' * 20} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with (
        socket.create_connection(("127.0.0.1", running.port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(head.encode())
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 303") and b"; Secure" in answer


def test_serve__a_port_in_use(finished: Any, cli: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        answer = cli("serve", finished.out, "--no-open", "--port", port, "--teach", tmp_path / "photos")
    assert (answer.code, answer.out) == (1, "")
    assert f"127.0.0.1:{port} (Address already in use)" in answer.err


def test_serve__a_file_that_is_no_certificate(finished: Any, cli: Any, tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("no certificate")
    words = ["--certificate", tmp_path / "c.pem", "--key", tmp_path / "c.pem", "--teach", tmp_path / "photos"]
    answer = cli("serve", finished.out, "--no-open", "--port", 0, *words)
    assert (answer.code, answer.out) == (1, "")
    assert f"certificate '{tmp_path / 'c.pem'}'" in answer.err


def test_serve__opens_the_page_with_a_link_that_works_once(
    finished: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import handshape.commands.serve as command
    from handshape.config.serve import ServeConfig

    opened: list[str] = []

    def browser(link: str) -> None:
        opened.append(link)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("webbrowser.open", browser)
    found = command.serve(
        ServeConfig(bundle=finished.out, port=0, token="a-token-of-my-own", teach=tmp_path / "photos")
    )
    # Other users see with which link a browser was started.
    assert opened[0].startswith(f"{found['url']}?token=") and "a-token-of-my-own" not in opened[0]

import socket
from pathlib import Path
from typing import Any

import pytest

from handshape.config.serve import ServeConfig
from handshape.serve.phone import Phone


def phone(with_token: bool = True, **options: Any) -> dict[str, Any]:
    """Tell how to open a page on a phone, on port 8321 with a token."""
    config = ServeConfig(bundle=Path("asl"), **options)
    return Phone(config, 8321, "a secret").to_dict(with_token=with_token)


def test_to_dict__a_server_for_this_computer_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Phone, "_address", lambda self: "10.1.2.3")
    found = phone()
    assert found["link"] is None and found["qr"] is None
    assert "only over https" in found["text"]
    assert found["commands"][0].startswith("openssl req -x509 ")
    assert found["commands"][1].startswith("handshape serve asl --host 0.0.0.0 --certificate ")


def test_to_dict__a_server_for_the_network(tmp_path: Path) -> None:
    files: dict[str, Any] = {"certificate": tmp_path / "certificate.pem", "key": tmp_path / "key.pem"}
    open_page = phone(host="192.168.1.5", **files)
    assert open_page["link"] == "https://192.168.1.5:8321/?token=a secret"
    assert open_page["qr"].startswith("data:image/svg+xml")
    assert open_page["commands"] == [] and "warns of a certificate" in open_page["text"]
    plain = phone(host="192.168.1.5")
    assert plain["link"].startswith("http://") and "can only try photos" in plain["text"]
    assert len(plain["commands"]) == 2
    assert phone(with_token=False, host="192.168.1.5")["link"] == "http://192.168.1.5:8321/"
    assert phone(host="2001:db8::1")["link"].startswith("http://[2001:db8::1]:8321/")


def test_to_dict__no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: Any) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert phone(host="0.0.0.0")["text"].startswith("This computer is not on a network")

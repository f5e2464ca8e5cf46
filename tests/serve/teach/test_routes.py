import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.conftest import draw_shape
from tests.serve.conftest import Server, encoded, hand, png

from handshape.serve.app import create_app
from handshape.serve.engine import Engine
from handshape.serve.server import listen, make_server
from handshape.serve.settings import Settings
from handshape.serve.teach.album import Album
from handshape.serve.teach.teacher import Teacher


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with nothing taught yet."""
    settings, engine = Settings(), Engine(None, threads=1)
    teacher = Teacher(Album(tmp_path / "photos"), engine, tmp_path / "store")
    up = threading.Event()
    app = create_app(engine, settings, teacher=teacher)
    running = make_server(app, settings.limits, started=up.set)
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=running.run, args=([listener],))
        thread.start()
        try:
            assert up.wait(30)
            yield Server(listener.getsockname()[1], engine, settings)
        finally:
            running.should_exit = True
            thread.join()
            engine.close()


def jpeg(label: int, index: int) -> bytes:
    """Return a JPEG of a drawn shape."""
    return encoded(draw_shape(label, 1, index), "JPEG")


def add(server: Server, label: str, signer: str, data: bytes) -> int:
    """Send a photo and return the status."""
    path = f"/v1/teach/photos?label={quote(label, safe='')}&signer={quote(signer, safe='')}"
    return server.ask("POST", path, data, Content_Type="image/jpeg").status


def test_teach__from_nothing_to_a_reading(server: Server) -> None:
    assert server.ask("GET", "/v1/model").json["labels"] == []
    refused = server.predict(png())
    assert (refused.status, refused.json["code"]) == (409, "no_recogniser")
    for name in "AB":
        for index in range(4):
            assert add(server, name, "Zoë", hand(name, 1, index)) == 201
    trained = server.ask("POST", "/v1/teach/train")
    assert trained.status == 200
    assert trained.json["taught"]["labels"] == ["A", "B"]
    assert trained.json["in_use"] is None
    body = json.dumps({"which": "taught"})
    assert (
        server.ask("POST", "/v1/teach/use", body, Content_Type="application/json").json["in_use"] == "taught"
    )
    assert server.ask("GET", "/v1/model").json["labels"] == ["A", "B"]
    assert server.predict(hand("B", 1, 0)).json["predictions"][0]["top"][0][0] == "B"


def test_teach__says_where_the_hand_is(server: Server) -> None:
    path = "/v1/teach/photos?label=L&signer=Anna"
    kept = server.ask("POST", path, hand("L", 1, 0), Content_Type="image/jpeg").json
    assert len(kept["hand"]) == 21
    assert all(0 <= share <= 1 for point in kept["hand"] for share in point)
    assert server.ask("GET", "/v1/teach/photos/L/Anna_1.jpg/hand").json == {"hand": kept["hand"]}
    empty = server.ask("POST", path, jpeg(0, 0), Content_Type="image/jpeg")
    assert (empty.status, empty.json["hand"]) == (201, None)
    (label,) = server.ask("GET", "/v1/teach").json["labels"]
    assert [photo["hand"] for photo in label["photos"]] == [True, False]
    assert server.ask("GET", "/v1/teach/photos/L/Anna_3.jpg/hand").status == 404


def test_teach__photos_out_and_back(server: Server) -> None:
    assert add(server, "guten Tag", "Zoë", jpeg(0, 0)) == 201
    at = f"/v1/teach/photos/{quote('guten Tag')}/{quote('Zoë_1.jpg')}"
    shown = server.ask("GET", at)
    assert (shown.status, shown.headers["content-type"], shown.body) == (200, "image/jpeg", jpeg(0, 0))
    assert server.ask("DELETE", at).status == 204
    assert server.ask("GET", at).json["code"] == "not_found"
    assert server.ask("POST", f"{at}/restore").status == 204
    assert server.ask("GET", at).status == 200


@pytest.mark.parametrize("name", ["..", "../x", "/etc/x", "a\\b", "\0", "NUL", ".bin", "x" * 61, ""])
def test_teach__names_cannot_leave_the_folder(server: Server, tmp_path: Path, name: str) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    assert add(server, name, "Anna", jpeg(0, 0)) == 422
    assert add(server, "A", name, jpeg(0, 0)) == 422
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "at", ["..%2f..%2fx/y.jpg", ".bin/x.jpg", "A/..%2f..%2fsecret.jpg", "%00/x.jpg", "A/%2e%2e"]
)
def test_teach__only_photos_of_the_album_are_shown(server: Server, tmp_path: Path, at: str) -> None:
    (tmp_path / "secret.jpg").write_bytes(jpeg(0, 0))
    add(server, "A", "Anna", jpeg(0, 0))
    for method in ("GET", "DELETE"):
        assert server.ask(method, f"/v1/teach/photos/{at}").status in (404, 405)
    assert server.ask("POST", f"/v1/teach/photos/{at}/restore").status in (404, 405)
    assert (tmp_path / "secret.jpg").is_file()


def test_teach__what_is_no_photo_is_refused(server: Server) -> None:
    assert add(server, "A", "Anna", png()) == 415
    assert add(server, "A", "Anna", jpeg(0, 0)[:100]) == 422
    assert add(server, "A", "Anna", b"") == 415
    assert add(server, "A", "Anna", jpeg(0, 0) + bytes(2_000_000)) == 413


def test_teach__other_sites_cannot(server: Server) -> None:
    refused = server.ask("POST", "/v1/teach/train", Origin="http://elsewhere.example")
    assert refused.status == 403


def test_teach__training_without_photos_says_what_to_do(server: Server) -> None:
    refused = server.ask("POST", "/v1/teach/train")
    assert refused.status == 422
    assert "take photos of two signs or more" in refused.json["message"]
    body = json.dumps({"which": "taught"})
    assert server.ask("POST", "/v1/teach/use", body, Content_Type="application/json").status == 422

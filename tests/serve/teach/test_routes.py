import json
import struct
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.serve.conftest import Reply, Server, hand, png, serving
from tests.serve.conftest import jpeg as jpeg  # tests/faults imports it from here


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with nothing taught yet."""
    with serving(None, teach=tmp_path) as running:
        yield running


def add(server: Server, label: str, signer: str, data: bytes) -> Reply:
    """Send a photo."""
    path = f"/v1/teach/photos?label={quote(label, safe='')}&signer={quote(signer, safe='')}"
    return server.ask("POST", path, data, Content_Type="image/jpeg")


def use(server: Server, which: str) -> Reply:
    """Choose a recogniser."""
    body = json.dumps({"which": which})
    return server.ask("POST", "/v1/teach/use", body, Content_Type="application/json")


@pytest.mark.slow
def test_teach__from_nothing_to_a_prediction(server: Server) -> None:
    assert server.ask("GET", "/v1/model").json["labels"] == []
    assert server.predict(png()).error == (409, "no_recogniser")
    assert server.ask("POST", "/v1/teach/train").error == (422, "unreadable")
    assert use(server, "taught").error == (422, "unreadable")
    for name in "AB":
        for index in range(4):
            assert add(server, name, "Zoë", hand(name, 1, index)).status == 201
    trained = server.ask("POST", "/v1/teach/train")
    assert trained.status == 200
    assert trained.json["taught"]["labels"] == ["A", "B"]
    assert trained.json["in_use"] is None
    assert use(server, "taught").json["in_use"] == "taught"
    assert server.ask("GET", "/v1/model").json["labels"] == ["A", "B"]
    assert server.predict(hand("B", 1, 0)).json["predictions"][0]["top"][0][0] == "B"


def test_teach__gives_the_landmarks_of_a_photo(server: Server) -> None:
    landmarks = add(server, "L", "Anna", hand("L", 1, 0)).json["hand"]
    assert len(landmarks) == 21
    assert all(0 <= share <= 1 for point in landmarks for share in point)
    assert server.ask("GET", "/v1/teach/photos/L/Anna_1.jpg/hand").json == {"hand": landmarks}
    empty = add(server, "L", "Anna", jpeg())
    assert (empty.status, empty.json["hand"]) == (201, None)
    (label,) = server.ask("GET", "/v1/teach").json["labels"]
    assert [photo["hand"] for photo in label["photos"]] == [True, False]
    assert server.ask("GET", "/v1/teach/photos/L/Anna_3.jpg/hand").status == 404


def test_teach__photos_out_and_back(server: Server) -> None:
    assert add(server, "guten Tag", "Zoë", jpeg()).status == 201
    at = f"/v1/teach/photos/{quote('guten Tag')}/{quote('Zoë_1.jpg')}"
    shown = server.ask("GET", at)
    assert (shown.status, shown.headers["content-type"], shown.body) == (200, "image/jpeg", jpeg())
    assert server.ask("PUT", at).headers["allow"] == "DELETE, GET"
    assert server.ask("DELETE", at).status == 204
    assert server.ask("GET", at).error == (404, "not_found")
    assert server.ask("POST", f"{at}/restore").status == 204
    assert server.ask("GET", at).status == 200


def test_teach__names_cannot_leave_the_folder(server: Server, tmp_path: Path) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    for name in ("..", "/etc/x", "a\\b", "\0", "NUL", ".bin", ""):
        assert add(server, name, "Anna", jpeg()).status == 422
        assert add(server, "A", name, jpeg()).status == 422
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "at", ["..%2f..%2fx/y.jpg", ".bin/x.jpg", "A/..%2f..%2fsecret.jpg", "%00/x.jpg", "A/%2e%2e"]
)
def test_teach__only_photos_of_the_folder_are_shown(server: Server, tmp_path: Path, at: str) -> None:
    (tmp_path / "secret.jpg").write_bytes(jpeg())
    add(server, "A", "Anna", jpeg())
    for method, path in (("GET", at), ("DELETE", at), ("POST", f"{at}/restore")):
        assert server.ask(method, f"/v1/teach/photos/{path}").status in (404, 405)
    assert (tmp_path / "secret.jpg").is_file()


@pytest.mark.parametrize(
    ("data", "status"), [(png(), 415), (b"", 415), (jpeg()[:100], 422), (jpeg() + bytes(2_000_000), 413)]
)
def test_teach__refuses_what_is_no_photo(server: Server, data: bytes, status: int) -> None:
    assert add(server, "A", "Anna", data).error[0] == status


def test_teach__refuses_large_sides_before_decoding(server: Server) -> None:
    photo = bytearray(jpeg())
    at = photo.index(b"\xff\xc0") + 5
    photo[at : at + 4] = struct.pack(">HH", 7000, 7000)  # the pixels are missing, which only decoding shows
    refused = add(server, "A", "Anna", bytes(photo))
    assert refused.error == (413, "too_large") and "7000 x 7000" in refused.json["message"]


def test_teach__refuses_a_long_choice(server: Server) -> None:
    body = json.dumps({"which": [[]] * 30_000})
    answer = server.ask("POST", "/v1/teach/use", body, Content_Type="application/json")
    assert answer.error == (413, "too_large")


def test_teach__makes_few_archives_at_once(tmp_path: Path) -> None:
    from handshape.serve.limits import Limits

    with serving(None, limits=Limits(downloads=0), teach=tmp_path) as server:
        assert add(server, "A", "Anna", jpeg()).status == 201
        assert server.ask("GET", "/v1/teach/download/photos").error == (503, "busy")


def test_teach__other_sites_cannot(server: Server) -> None:
    refused = server.ask("POST", "/v1/teach/train", Origin="http://elsewhere.example")
    assert refused.error == (403, "forbidden")

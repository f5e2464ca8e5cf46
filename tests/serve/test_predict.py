from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageOps
from tests.conftest import draw_shape
from tests.serve.conftest import Server, encoded, jpeg, many_scans, noise, png

if TYPE_CHECKING:
    from handshape.serve.loaded_recogniser import LoadedRecogniser


def test_predict__the_same_numbers_as_in_python(server: Server, loaded: "LoadedRecogniser") -> None:
    photos = [draw_shape(label, 1, 0) for label in range(3)]
    found = server.predict(*map(png, photos)).json
    assert found["model"] == loaded.digest
    for photo, prediction in zip(photos, found["predictions"], strict=True):
        own = loaded.recogniser.predict(photo).to_dict()
        assert prediction.pop("name") == "hand.png"
        assert prediction.keys() == own.keys()
        assert (prediction["label"], prediction["sure"]) == (own["label"], own["sure"])
        assert prediction["probability"] == pytest.approx(own["probability"], abs=1e-4)
        assert [label for label, _ in prediction["top"]] == [label for label, _ in own["top"]]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_predict__bare_bytes_of_each_format(server: Server, kind: str) -> None:
    body = encoded(draw_shape(0, 1, 0), kind)
    for content_type in (f"image/{kind.lower()}", "application/octet-stream"):
        answer = server.ask("POST", "/v1/predict", body, Content_Type=content_type)
        assert answer.status == 200 and "name" not in answer.json["predictions"][0]


def test_predict__mirrored_photos_are_flipped_first(server: Server) -> None:
    photo = draw_shape(1, 2, 1)
    straight = server.predict(png(photo)).json
    assert server.predict(png(ImageOps.mirror(photo)), query="?mirrored=true").json == straight
    assert server.predict(png(ImageOps.mirror(photo))).json != straight


@pytest.mark.parametrize(
    ("photo", "error"),
    [
        (b"", (422, "unreadable")),
        (png()[:200], (422, "unreadable")),
        (jpeg()[:-900], (422, "unreadable")),
        (many_scans(64, 130), (422, "unreadable")),
        (b"no photo", (415, "unsupported_format")),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", (415, "unsupported_format")),
        (encoded(draw_shape(0, 1, 0), "TIFF"), (415, "unsupported_format")),
        (encoded(Image.new("L", (10_000, 5_001)), "PNG"), (413, "too_large")),
    ],
)
def test_predict__a_photo_that_cannot_be_opened(server: Server, photo: bytes, error: tuple[int, str]) -> None:
    assert server.predict(photo).error == error
    answer = server.predict(png(), photo)
    assert answer.error == error and answer.json["message"].startswith("Photo 2: ")


@pytest.mark.slow
def test_predict__more_than_100_photos(limited: Callable[..., Server]) -> None:
    server = limited(answer_seconds=300)  # a hand is looked for twelve times in a photo without one
    assert server.predict(*[png()] * 101).error == (400, "bad_request")
    assert len(server.predict(*[png()] * 100).json["predictions"]) == 100


@pytest.mark.parametrize("headers", [{}, {"Transfer_Encoding": "chunked"}])
def test_predict__more_than_10_megabytes(server: Server, headers: dict[str, str]) -> None:
    body: Any = encoded(noise(2000, 2000), "BMP")
    if headers:
        body = iter([b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"])
    assert server.ask("POST", "/v1/predict", body, Content_Type="image/bmp", **headers).error == (
        413,
        "too_large",
    )


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/plain", b"x", 415),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=a", b"x", 400),
        ("multipart/form-data; boundary=a", b"--a--\r\n", 422),
    ],
)
def test_predict__no_photo_in_it(server: Server, kind: str, body: bytes, status: int) -> None:
    assert server.ask("POST", "/v1/predict", body, Content_Type=kind).error[0] == status


@pytest.mark.parametrize(
    "options",
    [
        {"name": "photo"},
        {"query": "?mirrored=perhaps"},
        *[
            {"file": name}
            for name in ("../hand.png", "/etc/hand.png", "..\\hand.png", "h\0.png", "h\x1b.png")
        ],
    ],
)
def test_predict__another_field_option_or_path(server: Server, options: dict[str, str]) -> None:
    assert server.predict(png(), **options).error == (422, "unreadable")


@pytest.mark.parametrize(
    ("name", "kept"),
    [("C:\\photos\\hand.png", "hand.png"), ("häñd 手.png", "häñd 手.png"), ("a/b.png", "a/b.png")],
)
def test_predict__a_name_is_sent_back(server: Server, name: str, kept: str) -> None:
    assert server.predict(png(), file=name).json["predictions"][0]["name"] == kept

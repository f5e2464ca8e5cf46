from typing import Any

import pytest
from PIL import ImageOps
from tests.conftest import draw_shape
from tests.serve.conftest import Server, encoded, noise, png

from handshape.serve.reader import Reader


def test_predict__the_same_numbers_as_in_python(server: Server, reader: Reader) -> None:
    photos = [draw_shape(label, 1, 0) for label in range(3)]
    found = server.predict(*map(png, photos)).json
    assert found["model"] == reader.digest
    for photo, prediction in zip(photos, found["predictions"], strict=True):
        own = reader.recogniser.predict(photo)
        assert prediction["label"] == own.label
        assert prediction["probability"] == pytest.approx(own.probability, abs=1e-4)
        assert [label for label, _ in prediction["top"]] == [label for label, _ in own.top]
        assert prediction["sure"] is (own.label != "unsure")
        assert prediction["name"] == "hand.png"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_predict__bare_bytes_of_each_format(server: Server, kind: str) -> None:
    body = encoded(draw_shape(0, 1, 0), kind)
    for content_type in (f"image/{kind.lower()}", "application/octet-stream"):
        answer = server.ask("POST", "/v1/predict", body, Content_Type=content_type)
        assert answer.status == 200
        assert set(answer.json["predictions"][0]) == {"label", "probability", "sure", "top"}


def test_predict__mirrored_photos_are_flipped_first(server: Server) -> None:
    photo = draw_shape(1, 2, 1)
    straight = server.predict(png(photo)).json
    flipped = server.predict(png(ImageOps.mirror(photo)), query="?mirrored=true").json
    assert flipped == straight
    assert server.predict(png(ImageOps.mirror(photo))).json != straight


@pytest.mark.parametrize(
    ("photo", "status", "message"),
    [
        (b"", 422, "The file is empty; expected an image; replace it."),
        (
            b"no photo",
            415,
            "Not an image, or of an unknown format; expected an image (JPEG, PNG, WEBP, GIF, BMP); "
            "replace the file.",
        ),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 415, "Not an image, or of an unknown format"),
        (encoded(draw_shape(0, 1, 0), "TIFF"), 415, "Not an image, or of an unknown format"),
        (png()[:200], 422, "Damaged ("),
        (encoded(draw_shape(0, 1, 0), "JPEG")[:-900], 422, "Damaged ("),
    ],
)
def test_predict__what_cannot_be_read(server: Server, photo: bytes, status: int, message: str) -> None:
    answer = server.predict(photo)
    assert answer.status == status
    assert answer.json["message"].startswith(message)
    assert answer.json["code"] == {415: "unsupported_format", 422: "unreadable"}[status]


def test_predict__says_which_photo(server: Server) -> None:
    answer = server.predict(png(), b"no photo")
    assert answer.status == 415
    assert answer.json["message"].startswith("Photo 2: Not an image")


def test_predict__more_than_50_megapixels(server: Server) -> None:
    from PIL import Image

    answer = server.predict(encoded(Image.new("L", (10_000, 5_001)), "PNG"))
    assert (answer.status, answer.json["code"]) == (413, "too_large")
    assert answer.json["message"] == (
        "Too large (10000 x 5001 pixels); expected at most 50 megapixels; make it smaller."
    )


def test_predict__a_jpeg_of_very_many_scans(server: Server) -> None:
    photo = encoded(draw_shape(0, 1, 0), "JPEG", progressive=True)
    scan = photo[photo.rindex(b"\xff\xda") : -2]
    answer = server.predict(photo[:-2] + 120 * scan + photo[-2:])
    assert answer.status == 422
    assert answer.json["message"] == ("A JPEG of 130 scans; expected about ten; save the photo again.")


def test_predict__more_than_100_photos(server: Server) -> None:
    answer = server.predict(*[png()] * 101)
    assert (answer.status, answer.json["code"]) == (400, "bad_request")
    assert answer.json["message"].startswith("The form cannot be read: Too many files.")
    assert len(server.predict(*[png()] * 100).json["predictions"]) == 100


def test_predict__more_than_10_megabytes(server: Server) -> None:
    big = encoded(noise(2000, 2000), "BMP")
    expected = "The request is too long; expected at most 10 MB; send fewer or smaller photos."
    for headers in ({}, {"Transfer_Encoding": "chunked"}):
        body: Any = big if not headers else iter([b"%x\r\n" % len(big) + big + b"\r\n0\r\n\r\n"])
        answer = server.ask("POST", "/v1/predict", body, Content_Type="image/bmp", **headers)
        assert (answer.status, answer.json) == (413, {"code": "too_large", "message": expected})


@pytest.mark.parametrize(
    ("kind", "body", "status", "message"),
    [
        ("text/plain", b"x", 415, "The content type is 'text/plain'; expected multipart/form-data"),
        ("multipart/form-data", b"x", 400, "The form cannot be read: Missing boundary"),
        ("multipart/form-data; boundary=a", b"x", 400, "The form cannot be read: "),
        ("multipart/form-data; boundary=a", b"--a--\r\n", 422, "The form has no file 'image'"),
    ],
)
def test_predict__no_photo_in_it(server: Server, kind: str, body: bytes, status: int, message: str) -> None:
    answer = server.ask("POST", "/v1/predict", body, Content_Type=kind)
    assert answer.status == status
    assert answer.json["message"].startswith(message)


def test_predict__a_field_of_another_name(server: Server) -> None:
    answer = server.predict(png(), name="photo")
    assert answer.status == 422
    assert answer.json["message"].startswith("The form has no file 'image'; expected one or more")


@pytest.mark.parametrize(
    "name", ["../hand.png", "/etc/hand.png", "..\\hand.png", "hand\0.png", "hand\x1b.png"]
)
def test_predict__a_name_that_leads_elsewhere(server: Server, name: str) -> None:
    answer = server.predict(png(), file=name)
    assert answer.status == 422
    assert answer.json["message"] == (
        f"The file name {name!r} is a path to somewhere else; expected a plain name; rename the file."
    )


@pytest.mark.parametrize(
    ("name", "told"),
    [("C:\\photos\\hand.png", "hand.png"), ("häñd 手.png", "häñd 手.png"), ("a/b.png", "a/b.png")],
)
def test_predict__a_name_is_told_back(server: Server, name: str, told: str) -> None:
    assert server.predict(png(), file=name).json["predictions"][0]["name"] == told


def test_predict__a_query_that_is_no_choice(server: Server) -> None:
    answer = server.predict(png(), query="?mirrored=perhaps")
    assert answer.status == 422
    assert answer.json["message"].startswith("query.mirrored: ")

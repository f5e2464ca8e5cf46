import io
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from handshape.data.images import decode as module
from handshape.data.images.decode import MAX_PIXELS, Preprocessing, decode_image, pixels_of, read_image
from handshape.errors import ImageError, ShapeError

Pixels = NDArray[np.uint8]


@pytest.fixture(autouse=True)
def _few_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let images have a few pixels, which are easy to compare."""
    monkeypatch.setattr(module, "MIN_SIDE", 1)


def noise(height: int, width: int, *channels: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, *channels), dtype=np.uint8)


def photo(height: int = 48, width: int = 64) -> Image.Image:
    """Smooth as a photo is, with some noise."""
    y, x = np.mgrid[:height, :width]
    smooth = np.stack([x * 255 / width, y * 255 / height, (x + y) * 255 / (height + width)], axis=-1)
    grain = np.random.default_rng(0).normal(0, 8, smooth.shape)
    return Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8))


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pillow(data: bytes) -> Pixels:
    """What Pillow alone makes of an RGB, grey or CMYK file."""
    return np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


def grey(levels: NDArray[np.generic]) -> Pixels:
    return np.repeat(levels.astype(np.uint8)[..., None], 3, axis=-1)


# Decoding JPEG


@pytest.mark.parametrize("quality", [5, 50, 75, 95, 100])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1"])
@pytest.mark.parametrize("shape", [(48, 64), (33, 47), (1, 1), (8, 17)])
def test_decode_image__jpeg_as_pillow(quality: int, subsampling: str, shape: tuple[int, int]) -> None:
    data = encode(photo(*shape), "JPEG", quality=quality, subsampling=subsampling)
    pixels, mode = decode_image(data)
    assert mode == "RGB"
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, pillow(data))


@pytest.mark.parametrize("option", ["progressive", "optimize", "keep_rgb"])
def test_decode_image__other_jpeg_as_pillow(option: str) -> None:
    data = encode(photo(), "JPEG", **{option: True})
    np.testing.assert_array_equal(decode_image(data)[0], pillow(data))


@pytest.mark.shared
@pytest.mark.parametrize("place", ["webcam/A", "webcam/nothing", "studio/B", "studio/Z"])
def test_decode_image__real_jpeg_as_pillow(shared_data: Path, place: str) -> None:
    for path in sorted((shared_data / place).iterdir())[::12]:
        np.testing.assert_array_equal(read_image(path), pillow(path.read_bytes()))


def test_decode_image__jpeg_takes_the_fast_road(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(photo(), "JPEG")
    expected = pillow(data)
    monkeypatch.setattr(module, "pixels_of", None)  # the slow road is closed
    np.testing.assert_array_equal(decode_image(data)[0], expected)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_decode_image__grey_and_cmyk_jpeg(mode: str) -> None:
    data = encode(photo().convert(mode), "JPEG")
    pixels, found = decode_image(data)
    assert found == mode
    np.testing.assert_array_equal(pixels, pillow(data))
    assert np.abs(pixels.astype(int).mean() - np.asarray(photo()).mean()) < 30


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_decode_image__turned_upright(orientation: int, kind: str) -> None:
    turns = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    stored = encode(photo(), kind, exif=exif, **options)
    plain = decode_image(encode(photo(), kind, **options))[0]
    # 0 and 9 mean nothing: the photo stays as it is.
    np.testing.assert_array_equal(decode_image(stored)[0], turns.get(orientation, lambda a: a)(plain))


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff"])
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_decode_image__damaged_exif_does_no_harm(exif: bytes) -> None:
    plain = encode(photo(), "JPEG")
    np.testing.assert_array_equal(decode_image(encode(photo(), "JPEG", exif=exif))[0], pillow(plain))


# Odd modes


def test_decode_image__black_and_white() -> None:
    bits = noise(9, 13) > 127
    pixels, mode = decode_image(encode(Image.fromarray(bits)))
    assert mode == "1"
    np.testing.assert_array_equal(pixels, grey(bits * 255))


def test_decode_image__grey() -> None:
    levels = noise(9, 13)
    pixels, mode = decode_image(encode(Image.fromarray(levels)))
    assert mode == "L"
    np.testing.assert_array_equal(pixels, grey(levels))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_decode_image__transparency_is_laid_on_white(mode: str) -> None:
    layers = noise(9, 13, len(mode))
    layers[:3, :, -1] = 0
    layers[3:6, :, -1] = 255
    pixels, found = decode_image(encode(Image.fromarray(layers, mode)))
    assert found == mode
    alpha = layers[..., -1:] / 255
    expected = np.broadcast_to(layers[..., :-1] * alpha + 255 * (1 - alpha), pixels.shape)
    np.testing.assert_allclose(pixels, expected, atol=1.01)
    assert (pixels[:3] == 255).all()
    np.testing.assert_array_equal(pixels[3:6], np.broadcast_to(layers[3:6, :, :-1], (3, 13, 3)))


def palette_image() -> Image.Image:
    image = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4) % 3, "P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    return image


COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], dtype=np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_decode_image__palette(kind: str) -> None:
    pixels, mode = decode_image(encode(palette_image(), kind))
    assert mode == "P"
    np.testing.assert_array_equal(pixels.reshape(-1, 3), COLOURS[np.arange(12) % 3])


@pytest.mark.parametrize(
    ("transparency", "expected"), [(1, (255, 255, 255)), (b"\xff\x80\xff", (127, 255, 127))]
)
def test_decode_image__palette_with_transparency(
    transparency: int | bytes, expected: tuple[int, int, int]
) -> None:
    pixels, mode = decode_image(encode(palette_image(), transparency=transparency))
    assert mode == "P"
    assert pixels[0, 0].tolist() == [255, 0, 0]
    np.testing.assert_allclose(pixels[0, 1], expected, atol=1)


def test_decode_image__rgb_and_grey_with_a_transparent_colour() -> None:
    colour = noise(4, 5, 3)
    pixels, mode = decode_image(encode(Image.fromarray(colour), transparency=tuple(colour[1, 1].tolist())))
    assert mode == "RGB"
    assert pixels[1, 1].tolist() == [255, 255, 255]
    assert pixels[0, 0].tolist() == colour[0, 0].tolist()
    pixels, mode = decode_image(encode(Image.fromarray(np.array([[7, 9]], np.uint8)), transparency=7))
    assert mode == "L"
    assert pixels[0].tolist() == [[255] * 3, [9] * 3]


def test_pixels_of__palette_with_alpha() -> None:
    image = palette_image().convert("PA")
    image.putalpha(Image.fromarray(np.tile(np.array([0, 255, 255, 255], np.uint8), (3, 1))))
    assert image.mode == "PA"
    pixels = pixels_of(image)
    assert (pixels[:, 0] == 255).all()
    np.testing.assert_array_equal(pixels[0, 1], COLOURS[1])


@pytest.mark.parametrize("kind", ["TIFF"])
def test_decode_image__cmyk(kind: str) -> None:
    inks = noise(6, 7, 4)
    image = Image.fromarray(inks, "CMYK")
    pixels, mode = decode_image(encode(image, kind))
    assert mode == "CMYK"
    np.testing.assert_array_equal(pixels, np.asarray(image.convert("RGB")))


def test_decode_image__ycbcr() -> None:
    image = photo().convert("YCbCr")
    pixels, mode = decode_image(encode(image, "TIFF"))
    assert mode == "YCbCr"
    np.testing.assert_allclose(pixels, np.asarray(photo()), atol=3)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_decode_image__sixteen_bits(kind: str) -> None:
    levels = np.array([[0, 255, 256, 32768, 65535]], dtype=np.uint16)
    pixels, mode = decode_image(encode(Image.fromarray(levels), kind))
    assert mode == "I;16"
    np.testing.assert_array_equal(pixels, grey(np.array([[0, 0, 1, 128, 255]])))


def test_pixels_of__sixteen_bits_with_the_high_byte_first() -> None:
    image = Image.frombytes("I;16B", (3, 1), np.array([0, 256, 65535], dtype=">u2").tobytes())
    np.testing.assert_array_equal(pixels_of(image), grey(np.array([[0, 1, 255]])))


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([0, 128, 255], [0, 128, 255]),
        ([0, 256, 65535], [0, 1, 255]),
        ([-5, 0, 70_000], [0, 0, 255]),
        ([0, 0, 0], [0, 0, 0]),
    ],
)
def test_decode_image__whole_numbers_of_32_bits(levels: list[int], expected: list[int]) -> None:
    pixels, mode = decode_image(encode(Image.fromarray(np.array([levels], dtype=np.int32)), "TIFF"))
    assert mode == "I"
    np.testing.assert_array_equal(pixels, grey(np.array([expected])))


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 127.6, 255.0], [0, 128, 255]),
        ([0.0, 256.0, 65535.0], [0, 1, 255]),
        ([-1.0, float("nan"), 1.0], [0, 0, 255]),
        ([0.0, 1.0, float("inf")], [0, 0, 255]),
    ],
)
def test_decode_image__fractions(levels: list[float], expected: list[int]) -> None:
    pixels, mode = decode_image(encode(Image.fromarray(np.array([levels], dtype=np.float32)), "TIFF"))
    assert mode == "F"
    np.testing.assert_array_equal(pixels, grey(np.array([expected])))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_decode_image__first_frame_of_an_animation(kind: str) -> None:
    frames = [Image.new("RGB", (6, 5), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    with Image.open(io.BytesIO(data)) as image:
        assert getattr(image, "n_frames", 1) == 3
    pixels, _ = decode_image(data)
    np.testing.assert_array_equal(pixels, np.broadcast_to(COLOURS[0], (5, 6, 3)))


# What cannot be used


def refused(data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match="^" + message):
        decode_image(data)


def test_decode_image__empty() -> None:
    refused(b"", "the file is empty")


@pytest.mark.parametrize("data", [b"Dear diary,\n", b"\x00", b"%PDF-1.4\n", b"<svg/>", bytes(2000)])
def test_decode_image__no_image(data: bytes) -> None:
    refused(data, "not an image, or of an unknown format")


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "grey", "turned"])
def test_decode_image__truncated(kind: str, part: float) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = {
        "JPEG": lambda: encode(photo(), "JPEG"),
        "PNG": lambda: encode(photo()),
        "grey": lambda: encode(photo().convert("L"), "JPEG"),
        "turned": lambda: encode(photo(), "JPEG", exif=exif),
    }[kind]()
    refused(data[: int(len(data) * part)], r"damaged \([^()]+.*\)")


def test_decode_image__a_reason_is_one_short_line() -> None:
    data = encode(photo(), "JPEG")
    with pytest.raises(ImageError) as caught:
        decode_image(data[:-40])
    assert caught.value.wrong == "damaged (Premature end of JPEG file)"


def test_decode_image__an_error_without_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(image: Image.Image) -> Pixels:
        raise IndexError

    monkeypatch.setattr(module, "pixels_of", fail)
    refused(encode(photo()), r"damaged \(IndexError\)")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"]), st.data())
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_decode_image__damage_gives_pixels_or_a_reason(kind: str, data: st.DataObject) -> None:
    content = bytearray(encode(photo(12, 16), kind))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        pixels, _ = decode_image(bytes(content))
    except ImageError as error:
        assert "\n" not in str(error)
    else:
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3


def claim(width: int, height: int) -> bytes:
    """A PNG of one bit a pixel, small as a file."""
    return encode(Image.new("1", (width, height)))


def test_decode_image__fifty_megapixels_and_no_more() -> None:
    assert MAX_PIXELS == 50_000_000
    data = claim(8000, 7000)
    assert len(data) < 10_000
    refused(data, r"too large \(8000 x 7000 pixels\)")
    refused(claim(40_000, 10), r"too large \(40000 x 10 pixels\)")


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 7)])
def test_decode_image__too_small(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MIN_SIDE", 8)
    refused(claim(*size), rf"too small \({size[0]} x {size[1]} pixels\)")
    assert decode_image(claim(8, 8))[0].shape == (8, 8, 3)


def test_decode_image__many_scans_are_counted_before_decoding() -> None:
    data = encode(photo(), "JPEG", progressive=True)
    start = data.index(b"\xff\xda")
    refused(data[:start] + data[start:-2] * 30 + data[-2:], r"a JPEG of \d+ scans")


@pytest.mark.parametrize(("size", "kind"), [((12000, 9000), "PNG"), ((12000, 16000), "GIF")])
@pytest.mark.filterwarnings("error:.*decompression bomb.*")
def test_decode_image__the_size_of_what_pillow_refuses_is_said(size: tuple[int, int], kind: str) -> None:
    refused(encode(Image.new("1", size), kind), rf"too large \({size[0]} x {size[1]} pixels\)")


@pytest.mark.parametrize(
    ("bits", "levels"), [(8, [0, 128, 255]), (10, [0, 512, 1023]), (12, [0, 2048, 4095])]
)
def test_decode_image__fewer_bits_in_sixteen_are_stretched(bits: int, levels: list[int]) -> None:
    pixels, _ = decode_image(encode(Image.fromarray(np.array([levels], dtype=np.uint16))))
    np.testing.assert_array_equal(pixels, grey(np.array([[0, 128, 255]])))


def test_decode_image__heic() -> None:
    heif = pytest.importorskip("pillow_heif")
    out = io.BytesIO()
    heif.from_pillow(photo()).save(out, quality=90)
    pixels, _ = decode_image(out.getvalue())
    np.testing.assert_allclose(pixels.astype(int), np.asarray(photo(), dtype=int), atol=60)


def test_decode_image__heic_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "image_formats", lambda: ("JPEG", "PNG"))
    refused(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200), "a HEIC photo, which needs the extra heic")


def test_decode_image__nothing_that_starts_another_program() -> None:
    refused(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n", "not an image, or of an unknown format")


def test_decode_image__the_limit_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PIXELS", 3000)
    assert decode_image(encode(photo(50, 60)))[0].shape == (50, 60, 3)
    with pytest.raises(ImageError, match=r"too large \(61 x 50 pixels\)"):
        decode_image(encode(photo(50, 61)))


@pytest.mark.parametrize("factor", [1.5, 3])
def test_decode_image__a_decompression_bomb(monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    # Beyond its own limit Pillow warns, an error here and on the command line; beyond twice that it raises.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", int(50 * 60 / factor))
    refused(
        encode(photo(50, 60)),
        r"too large",
    )


def test_decode_image__a_gif_whose_frame_claims_to_be_a_bomb() -> None:
    # Found by chance: Pillow refuses to make anything of it at all.
    data = b"GIF89a\xd4|M4\x0b\xc7\x83,q\xb3\x9a\xd9\xbb~f\xf4k"
    refused(data, r"too large \(too many pixels\)")


# Files


def test_read_image__a_file(tmp_path: Path) -> None:
    colour = noise(3, 4, 3)
    Image.fromarray(colour).save(tmp_path / "á b.png")
    np.testing.assert_array_equal(read_image(tmp_path / "á b.png"), colour)


def test_read_image__not_there(tmp_path: Path) -> None:
    path = tmp_path / "none.png"
    message = f"cannot read '{path}' (No such file or directory)"
    with pytest.raises(ImageError, match=re.escape(message)):
        read_image(path)
    with pytest.raises(ImageError, match="Is a directory"):
        read_image(tmp_path)


def test_read_image__names_the_file_it_cannot_use(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.touch()
    message = f"'{path}': the file is empty"
    with pytest.raises(ImageError, match="^" + re.escape(message)):
        read_image(path)


# Preprocessing


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((300, 200), 64),
        ((200, 200), 180),
        ((1, 1), 8),
        ((3, 500), 32),
        ((500, 3), 32),
        ((900, 1200), 24),
        ((65, 64), 64),
    ],
)
def test_prepare__as_pillow_resizes(shape: tuple[int, int], size: int) -> None:
    resized = Preprocessing(size).prepare(np.array(photo(*shape)))
    assert resized.shape == (size, size, 3)
    assert resized.dtype == np.uint8
    expected = np.asarray(photo(*shape).resize((size, size), Image.Resampling.BILINEAR))
    assert np.abs(resized.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("image", [photo(64, 64), Image.fromarray(noise(64, 64, 3))], ids=["photo", "noise"])
def test_prepare__enlarging_is_a_little_further_from_pillow(image: Image.Image) -> None:
    expected = np.asarray(image.resize((224, 224), Image.Resampling.BILINEAR))
    away = np.abs(Preprocessing(224).prepare(np.array(image)).astype(int) - expected)
    assert away.max() <= 2
    assert (away > 1).mean() < 0.01


@pytest.mark.shared
@pytest.mark.parametrize(("place", "size"), [("studio/A", 224), ("webcam/A", 224), ("studio/B", 64)])
def test_prepare__real_photos_as_pillow_resizes(shared_data: Path, place: str, size: int) -> None:
    for path in sorted((shared_data / place).iterdir())[::12]:
        pixels = read_image(path)
        expected = np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))
        assert np.abs(Preprocessing(size).prepare(pixels).astype(int) - expected).max() <= 1


def test_prepare__of_the_size_already() -> None:
    pixels = noise(16, 16, 3)
    np.testing.assert_array_equal(Preprocessing(16).prepare(pixels), pixels)


def test_prepare__arrays_that_torch_would_not_share() -> None:
    pixels = noise(20, 30, 3)
    expected = Preprocessing(16).prepare(pixels)
    frozen = np.asarray(Image.fromarray(pixels))
    assert not frozen.flags.writeable
    np.testing.assert_array_equal(Preprocessing(16).prepare(frozen), expected)
    reversed_twice = pixels[..., ::-1].copy()[..., ::-1]
    np.testing.assert_array_equal(Preprocessing(16).prepare(reversed_twice), expected)


def test_prepare__mirrored_and_one_pixel_wide() -> None:
    narrow = np.arange(24, dtype=np.uint8).reshape(8, 1, 3)
    np.testing.assert_array_equal(
        Preprocessing(16).prepare(narrow[:, ::-1]), Preprocessing(16).prepare(narrow)
    )


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((3, 4, 4), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.float32),
    ],
)
def test_prepare__refuses(pixels: Pixels) -> None:
    message = f"an image of shape {pixels.shape} and type {pixels.dtype}"
    with pytest.raises(ShapeError, match="^" + re.escape(message)):
        Preprocessing(4).prepare(pixels)


def test_normalise__as_torchvision_does() -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    batch = torch.from_numpy(noise(2 * 5, 5, 3).reshape(2, 5, 5, 3))
    normalised = Preprocessing(5, mean, std).normalise(batch)
    from torchvision.transforms.v2 import functional

    expected = functional.normalize(batch.permute(0, 3, 1, 2) / 255, list(mean), list(std))
    assert normalised.dtype == torch.float32
    assert normalised.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(normalised, expected, atol=1e-6, rtol=1e-6)


def test_normalise__scales_to_one_by_default() -> None:
    batch = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 1, 1, 3)
    assert Preprocessing().normalise(batch).flatten().tolist() == pytest.approx([0, 0.2, 1])

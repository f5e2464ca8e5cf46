"""The same photos give the same probabilities by every road: the test that holds them together."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from handshape.commands.export import export
from handshape.commands.train import train
from handshape.config.export import ExportConfig
from handshape.config.train import TrainConfig
from handshape.data.images.decode import read_image
from handshape.data.images.index import index_images
from handshape.data.io.folder import read_folder
from handshape.export.runtime import Runtime
from handshape.features.predict import predict_from_cache
from handshape.recogniser import load
from handshape.run import find_bundle
from handshape.synthetic.dataset import draw_dataset
from handshape.training.predict import probabilities_of

from .conftest import SHARED
from .programs import chromium_page, need, serve_folder

EXAMPLES = Path(__file__).parent.parent / "examples"
PHOTOS = 50
LABELS = ("A", "B", "C", "D", "E")

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("parity")]  # what they compare is made once


@dataclass(frozen=True)
class Case:
    """A recogniser exported in both ways, and the photos that every road reads.

    Args:
        run: The run of the recogniser.
        page: The page for the browser.
        photos: Folder of the photos, one folder per label.
        files: The photos.
        expected: (N, K) probabilities by torch.
    """

    run: Path
    page: Path
    photos: Path
    files: list[Path]
    expected: NDArray[np.float32]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory, web_runtime: Path) -> Case:
    place = tmp_path_factory.mktemp("parity")
    draw_dataset(place / "drawn", LABELS, signers=3, images=4, size=160)
    config = TrainConfig(
        data=place / "drawn",
        backbone="handnet",  # and else the default model
        signer=r"signer(\d+)_",
        cache=place / "cache",
        device="cpu",
        out=place / "run",
    )
    train(config)
    export(ExportConfig(bundle=place / "run"))
    export(ExportConfig(bundle=place / "run", format="web", out=place / "page", runtime=web_runtime))
    files = _photos(place / "photos", place / "drawn")
    expected = load(place / "run").probabilities(files)
    assert len(files) == PHOTOS and len(set(expected.argmax(axis=1))) >= 3  # not one answer for all
    return Case(place / "run", place / "page", place / "photos", files, expected)


def _photos(folder: Path, drawn: Path) -> list[Path]:
    """Put 50 photos into label folders: real ones where they are, and four that decoders read differently."""
    folder.mkdir()
    roots = [Path(SHARED) / name for name in ("studio", "webcam")] if SHARED else [drawn]
    found = [
        sorted(path for label in LABELS for path in (root / label).iterdir() if path.is_file())
        for root in roots
    ]
    wanted = PHOTOS - 4
    files = []
    for number in range(wanted):
        among = found[number % len(found)]
        source = among[number * len(among) // wanted]
        files.append(folder / source.parent.name / f"{number:02d}{source.suffix}")
        files[-1].parent.mkdir(exist_ok=True)
        files[-1].write_bytes(source.read_bytes())
    with Image.open(files[0]) as image:
        photo = image.convert("RGB").resize((180, 240))
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    cut = photo.copy()
    cut.putalpha(Image.linear_gradient("L").resize(photo.size).point(lambda value: 255 * (value > 127)))
    for name, picture, options in (
        ("sideways.jpg", photo, {"exif": exif, "quality": 95}),
        ("grey.png", photo.convert("L"), {}),
        ("palette.png", photo.quantize(64), {}),
        ("transparent.png", cut, {}),
    ):
        files.append(folder / "A" / name)
        picture.save(files[-1], **options)  # type: ignore[arg-type]
    return files


def _by_features(case: Case, tmp_path: Path) -> NDArray[np.float32]:
    """Cached features and landmarks, and the heads on them."""
    recogniser = load(case.run)
    assert recogniser.config.network.model == "combined"
    scan = index_images(read_folder(case.photos), tmp_path / "cache")
    logits = predict_from_cache(
        recogniser.network, scan.images, scan.digests, tmp_path / "cache", torch.device("cpu")
    )
    rows = probabilities_of(logits, recogniser.config.temperature)
    order = {sample.path: index for index, sample in enumerate(scan.dataset.samples)}
    return rows[[order[file] for file in case.files]]


def _by_runtime(case: Case, tmp_path: Path) -> NDArray[np.float32]:
    return Runtime.of_bundle(case.run).probabilities(read_image(file) for file in case.files)


def _by_python(case: Case, tmp_path: Path) -> NDArray[np.float32]:
    model = find_bundle(case.run) / "model.onnx"
    return _told([sys.executable, str(EXAMPLES / "python" / "read.py"), str(model)], case)


def _by_node(case: Case, tmp_path: Path) -> NDArray[np.float32]:
    need("node")
    for name in ("package.json", "package-lock.json", ".npmrc", "read.mjs"):
        (tmp_path / name).write_bytes((EXAMPLES / "node" / name).read_bytes())
    subprocess.run([need("npm"), "ci", "--no-progress"], cwd=tmp_path, check=True, capture_output=True)
    return _told([need("node"), str(tmp_path / "read.mjs"), str(find_bundle(case.run))], case)


def _told(command: list[str], case: Case) -> NDArray[np.float32]:
    # Without handshape on its path: an example stands alone.
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [*command, *map(str, case.files)]
    ran = subprocess.run(words, capture_output=True, text=True, check=True, env=alone)
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [answer["path"] for answer in answers] == [str(file) for file in case.files]
    best = case.expected.argmax(axis=1)
    assert all(answer["label"] in (LABELS[b], "unsure") for answer, b in zip(answers, best, strict=True))
    return np.array([answer["probabilities"] for answer in answers], dtype=np.float32)


_READ = """async (text) => {
  const { predictPhoto } = await import(new URL("js/client.js", document.baseURI).href);
  const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  return (await predictPhoto(new Blob([bytes]))).probabilities;
}"""


def _by_browser(case: Case, tmp_path: Path) -> NDArray[np.float32]:
    with serve_folder(case.page) as address, chromium_page() as page:
        page.goto(f"{address}/index.html")
        rows = [page.evaluate(_READ, base64.b64encode(file.read_bytes()).decode()) for file in case.files]
    return np.array(rows, dtype=np.float32)


@pytest.mark.parametrize(
    ("road", "tolerance"),
    [
        pytest.param(_by_features, 1e-4, id="features"),
        pytest.param(_by_runtime, 1e-4, id="onnx"),
        pytest.param(_by_python, 1e-4, id="python"),
        pytest.param(_by_node, 1e-4, id="node"),
        pytest.param(_by_browser, 1e-3, id="browser"),
    ],
)
def test_roads__give_the_probabilities_of_torch(
    case: Case, tmp_path: Path, road: Callable[[Case, Path], NDArray[np.float32]], tolerance: float
) -> None:
    found = road(case, tmp_path)
    assert found.shape == case.expected.shape
    off = np.abs(found - case.expected).max()
    print(f"{off:.1e}")
    assert off < tolerance

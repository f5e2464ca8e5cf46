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
from handshape.config.models import ModelName
from handshape.config.train import TrainConfig
from handshape.data.images.decode import read_image
from handshape.data.images.index import index_images
from handshape.data.io.folder import read_folder
from handshape.features.hand_landmarks import HandCache
from handshape.features.predict import predict_features, predict_from_cache
from handshape.inference.engine import Graph
from handshape.models.hand.hand_finder import hand_rows
from handshape.network_bundle import network_of
from handshape.recogniser import Recogniser, load
from handshape.run import find_bundle
from handshape.synthetic.dataset import draw_dataset

from .conftest import SHARED
from .programs import chromium_page, need, serve_folder

Rows = NDArray[np.float32]
EXAMPLES = Path(__file__).parent.parent / "examples"
PHOTOS = 50
LABELS = ("A", "B", "C", "D", "E")
# How often a file that looks for the hand once may predict another label than its bundle, and by how much its
# probabilities typically differ.
DIFFERENT, TYPICAL = 3, 1e-3

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("parity")]  # what they compare is made once


@dataclass(frozen=True)
class Case:
    """An exported recogniser, and the photos that every road predicts.

    Args:
        run: The run of the recogniser.
        photos: Folder of the photos, one folder per label.
        files: The photos.
        expected: (N, K) probabilities by torch.
    """

    run: Path
    photos: Path
    files: list[Path]
    expected: Rows

    @property
    def recogniser(self) -> Recogniser:
        """The bundle."""
        return load(self.run)


@pytest.fixture(scope="module", params=["frozen", "combined"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    model: ModelName = request.param
    place = tmp_path_factory.mktemp("parity")
    draw_dataset(place / "drawn", LABELS, signers=3, images=4, size=160)
    config = TrainConfig(
        data=place / "drawn",
        model=model,
        backbone="handnet",
        signer=r"signer(\d+)_",
        cache=place / "cache",
        device="cpu",
        out=place / "run",
    )
    train(config)
    export(ExportConfig(bundle=place / "run"))
    files = _photos(place / "photos", place / "drawn")
    expected = _by_torch(load(place / "run"), files)
    assert len(files) == PHOTOS and len(set(expected.argmax(axis=1))) >= 3  # not one answer for all
    return Case(place / "run", place / "photos", files, expected)


def _by_torch(recogniser: Recogniser, files: list[Path]) -> Rows:
    network, finder, config = network_of(recogniser), recogniser.hand_finder, recogniser.config
    rows = []
    for file in files:
        pixels = read_image(file)
        hands = None if finder is None else hand_rows([finder.find(pixels)])
        prepared = np.array([config.network.preprocessing.prepare(pixels)])
        logits = predict_features(network, config.network.preprocessing, prepared, hands)
        rows.append(_probabilities(logits, recogniser))
    return np.concatenate(rows)


def _probabilities(logits: torch.Tensor, recogniser: Recogniser) -> Rows:
    rows: Rows = torch.softmax(logits / recogniser.config.temperature, dim=1).numpy()
    return rows


def _photos(folder: Path, drawn: Path) -> list[Path]:
    """Put 50 photos into label folders: real ones where they are, and others of strange kinds and sizes."""
    folder.mkdir()
    roots = [Path(SHARED) / name for name in ("studio", "webcam")] if SHARED else [drawn]
    found = [
        sorted(path for label in LABELS for path in (root / label).iterdir() if path.is_file())
        for root in roots
    ]
    wanted = PHOTOS - 7
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
        ("large.jpg", photo.resize((4000, 3000)), {"quality": 95}),
        ("portrait.png", photo.resize((600, 907)), {}),
        ("tiny.png", photo.resize((100, 100)), {}),
    ):
        files.append(folder / "A" / name)
        picture.save(files[-1], **options)
    return files


def _by_features(case: Case, tmp_path: Path) -> Rows:
    """Cached features and landmarks, and the heads on them."""
    recogniser, cache = case.recogniser, tmp_path / "cache"
    indexed = index_images(read_folder(case.photos), cache)
    samples = indexed.dataset.samples
    hands = None
    if recogniser.hand_finder is not None:
        hands = HandCache(cache).rows(indexed.digests, [sample.path for sample in samples])
    network = network_of(recogniser)
    logits = predict_from_cache(network, indexed.images, indexed.digests, hands, cache, torch.device("cpu"))
    rows = _probabilities(logits, recogniser)
    order = {sample.path: index for index, sample in enumerate(samples)}
    return rows[[order[file] for file in case.files]]


def _by_bundle(case: Case, tmp_path: Path) -> Rows:
    return case.recogniser.predict_proba(case.files)


def _by_model(case: Case, tmp_path: Path) -> Rows:
    graph = Graph(find_bundle(case.run) / "model.onnx")
    return np.concatenate([graph.run(images=read_image(file)[None])["probabilities"] for file in case.files])


def _by_python(case: Case, tmp_path: Path) -> Rows:
    model = find_bundle(case.run) / "model.onnx"
    return _told([sys.executable, str(EXAMPLES / "python" / "read.py"), str(model)], case)


def _by_node(case: Case, tmp_path: Path) -> Rows:
    need("node")
    for name in ("package.json", "package-lock.json", ".npmrc", "read.mjs"):
        (tmp_path / name).write_bytes((EXAMPLES / "node" / name).read_bytes())
    subprocess.run([need("npm"), "ci", "--no-progress"], cwd=tmp_path, check=True, capture_output=True)
    return _told([need("node"), str(tmp_path / "read.mjs"), str(find_bundle(case.run))], case)


def _told(command: list[str], case: Case) -> Rows:
    # Without handshape on its path: an example stands alone.
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [*command, *map(str, case.files)]
    ran = subprocess.run(words, capture_output=True, text=True, check=True, env=alone)
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [answer["path"] for answer in answers] == [str(file) for file in case.files]
    rows = np.array([answer["probabilities"] for answer in answers], dtype=np.float32)
    best = rows.argmax(axis=1)
    assert all(answer["label"] in (LABELS[b], "unsure") for answer, b in zip(answers, best, strict=True))
    return rows


@pytest.mark.parametrize(
    "road", [pytest.param(_by_features, id="features"), pytest.param(_by_bundle, id="bundle")]
)
def test_roads__give_the_probabilities_of_torch(
    case: Case, tmp_path: Path, road: Callable[[Case, Path], Rows]
) -> None:
    assert _off(road(case, tmp_path), case.expected).max() < 1e-4


@pytest.mark.parametrize(
    "road",
    [
        pytest.param(_by_model, id="onnx"),
        pytest.param(_by_python, id="python"),
        pytest.param(_by_node, id="node"),
    ],
)
def test_roads__give_the_probabilities_of_the_one_file(
    case: Case, tmp_path: Path, road: Callable[[Case, Path], Rows]
) -> None:
    found = road(case, tmp_path)
    if case.recogniser.hand_finder is None:
        assert _off(found, case.expected).max() < 1e-4
        return
    assert _off(found, _by_model(case, tmp_path)).max() < 1e-4
    off = _off(found, case.expected)
    different = int((found.argmax(axis=1) != case.expected.argmax(axis=1)).sum())
    print(
        f"another label on {different} of {len(off)}; typically {np.median(off):.1e}, at most {off.max():.1e}"
    )
    assert different <= DIFFERENT and np.median(off) < TYPICAL


def _off(found: Rows, expected: Rows) -> Rows:
    assert found.shape == expected.shape
    off: Rows = np.abs(found - expected).max(axis=1)
    print(f"at most {off.max():.1e}")
    return off


_READ = """async (text) => {
  const { recogniser } = await import(new URL("js/client.js", document.baseURI).href);
  const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  return (await recogniser.predict(new Blob([bytes]))).probabilities;
}"""


def test_browser__gives_the_probabilities_of_torch(case: Case, tmp_path: Path, web_runtime: Path) -> None:
    page_folder = tmp_path / "page"
    export(ExportConfig(bundle=case.run, format="web", out=page_folder, runtime=web_runtime))
    with serve_folder(page_folder) as address, chromium_page() as page:
        page.goto(f"{address}/index.html")
        rows = [page.evaluate(_READ, base64.b64encode(file.read_bytes()).decode()) for file in case.files]
    assert _off(np.array(rows, dtype=np.float32), case.expected).max() < 1e-3

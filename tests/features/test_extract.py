import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from handshape.bundle import BundleConfig
from handshape.cache import commits
from handshape.cache.location import open_cache
from handshape.config.train import BackboneConfig
from handshape.data.augment import MIRRORED, Views
from handshape.data.images.index import ImageIndex, index_images
from handshape.data.images.prepared import BatchIndices, InMemoryImages, content_digest
from handshape.data.io.folder import read_folder
from handshape.errors import DataError, UsageError
from handshape.features import extract
from handshape.features.extract import Extractor, features_of, make_extractor
from handshape.inference.engine import Graph
from handshape.models.backbones.registry import Backbone, load_backbone
from handshape.models.heads import Head, Pool
from handshape.models.network_config import HeadConfig, NetworkConfig
from handshape.models.sign_network import BackboneClassifier
from handshape.network_bundle import recogniser_of
from handshape.progress import show_progress

MakePhotos = Callable[..., Path]
SIZE = 64


class Held(InMemoryImages):
    """Prepared images in memory."""

    def __init__(self, array: NDArray[np.uint8]) -> None:
        super().__init__(array)
        self.array = array


def untrained(seed: int = 0) -> Backbone:
    """A network with batch norm, for small images."""
    backbone = load_backbone("resnet18", "untrained", seed=seed)
    return Backbone("resnet18", backbone.body, replace(backbone.preprocessing, size=SIZE), "untrained")


@pytest.fixture(scope="module")
def resnet() -> Backbone:
    """Made once, for tests that leave it as it is."""
    return untrained()


_runs: list[int] = []


@pytest.fixture
def extractor(resnet: Backbone, monkeypatch: pytest.MonkeyPatch) -> Extractor:
    """One whose images are counted."""
    run = Graph.run

    def counted(self: Graph, **inputs: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        _runs.append(len(inputs["images"]))
        return run(self, **inputs)

    monkeypatch.setattr(Graph, "run", counted)
    _runs.clear()
    return Extractor(resnet, None, Views(), torch.device("cpu"))


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    return open_cache(tmp_path / "cache")


def seen(extractor: Extractor) -> int:
    """Number of images that a graph was run on since the last call."""
    count = sum(_runs)
    _runs.clear()
    return count


def photos(count: int, seed: int = 0) -> tuple[Held, list[str]]:
    array = np.random.default_rng(seed).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)
    return Held(array), [content_digest(image.tobytes()) for image in array]


def shape_known(extractor: Extractor) -> Extractor:
    """Ask for the shape once, which shows the backbone an empty image."""
    assert extractor.shape == (512, 2, 2)
    seen(extractor)
    return extractor


@pytest.mark.slow
def test_features_of__shape_type_and_values(extractor: Extractor, cache_dir: Path) -> None:
    images, digests = photos(3)
    features = features_of(extractor, images, digests, cache_dir)
    assert features.shape == (3, 512, 2, 2)
    assert features.dtype == np.float16
    batch = extractor.backbone.preprocessing.normalise(torch.from_numpy(images.array))
    with torch.inference_mode():
        expected = extractor.backbone(batch).half().numpy()
    np.testing.assert_allclose(features, expected, rtol=2e-3, atol=1e-4)  # a step of float16
    assert features.std() > 0


@pytest.mark.parametrize(("pool", "shape"), [(1, (512, 1, 1)), (9, (512, 2, 2))])
def test_features_of__pooled(
    extractor: Extractor, cache_dir: Path, pool: int, shape: tuple[int, int, int]
) -> None:
    images, digests = photos(2)
    pooled = replace(extractor, pool=pool)
    assert pooled.shape == shape
    features = features_of(pooled, images, digests, cache_dir)
    assert features.shape == (2, *shape)
    full = torch.from_numpy(features_of(extractor, images, digests, cache_dir).copy()).float()
    torch.testing.assert_close(
        torch.from_numpy(features.copy()).float(), Pool(pool, 2, 2)(full), atol=2e-3, rtol=2e-3
    )


def test_features_of__leaves_no_trace_in_the_network(cache_dir: Path) -> None:
    backbone = untrained()
    extractor = Extractor(backbone, None, Views(), torch.device("cpu"))
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    assert any("running_mean" in name for name in before)
    backbone.train()  # even a network that somebody was about to train
    images, digests = photos(3)
    for view in range(2):
        features_of(extractor, images, digests, cache_dir, view=view)
    assert not any(module.training for module in backbone.modules())
    assert all(parameter.grad is None for parameter in backbone.parameters())
    assert not any(parameter.requires_grad for parameter in backbone.parameters())
    after = backbone.state_dict()
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert torch.equal(tensor, after[name]), name


def test_features_of__the_second_time_reads(extractor: Extractor, cache_dir: Path) -> None:
    shape_known(extractor)
    images, digests = photos(5)
    first = features_of(extractor, images, digests, cache_dir)
    assert seen(extractor) == 5
    second = features_of(extractor, images, digests, cache_dir)
    assert seen(extractor) == 0
    np.testing.assert_array_equal(first, second)


def test_features_of__only_what_is_missing(extractor: Extractor, cache_dir: Path) -> None:
    shape_known(extractor)
    images, digests = photos(6)
    some = features_of(extractor, Held(images.array[2:4]), digests[2:4], cache_dir)
    assert seen(extractor) == 2
    features = features_of(extractor, images, digests, cache_dir)
    assert seen(extractor) == 4
    np.testing.assert_array_equal(features[2:4], some)


def test_features_of__copies_cost_nothing(extractor: Extractor, cache_dir: Path) -> None:
    shape_known(extractor)
    images, digests = photos(3)
    order = [0, 1, 0, 2, 1, 0]
    features = features_of(extractor, Held(images.array[order]), [digests[i] for i in order], cache_dir)
    assert seen(extractor) == 3
    np.testing.assert_array_equal(features, features[[0, 1, 0, 3, 1, 0]])
    np.testing.assert_array_equal(features[[0, 1, 3]], features_of(extractor, images, digests, cache_dir))


def scan(root: Path, cache_dir: Path) -> ImageIndex:
    return index_images(read_folder(root), cache_dir, size=SIZE)


def test_features_of__new_names_cost_nothing(
    extractor: Extractor, cache_dir: Path, make_photos: MakePhotos
) -> None:
    shape_known(extractor)
    root = make_photos(labels="AB", signers=1, images=3)
    scanned = scan(root, cache_dir)
    first = features_of(extractor, scanned.images, scanned.digests, cache_dir)
    assert seen(extractor) == 6
    (root / "A" / "signer1_0.png").rename(root / "A" / "z.png")
    (root / "B").rename(root / "0")
    scanned = scan(root, cache_dir)
    again = features_of(extractor, scanned.images, scanned.digests, cache_dir)
    assert seen(extractor) == 0
    np.testing.assert_array_equal(again, first[[3, 4, 5, 1, 2, 0]])


def test_features_of__the_same_to_the_bit_in_any_company(extractor: Extractor, cache_dir: Path) -> None:
    images, digests = photos(7)
    together = features_of(extractor, images, digests, cache_dir)
    for other, order in enumerate(([6], [5, 0], [3, 2, 6, 4, 1], [1, 3, 5, 0, 2, 4, 6])):
        apart = features_of(
            extractor, Held(images.array[order]), [digests[i] for i in order], cache_dir / str(other)
        )
        np.testing.assert_array_equal(apart, together[order])


def test_features_of__larger_than_memory(
    extractor: Extractor, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, digests = photos(5)
    held = features_of(extractor, images, digests, cache_dir)
    monkeypatch.setattr(extract, "IN_MEMORY", 5 * 512 * 4 * 2 - 1)
    before = sorted(entry.name for entry in cache_dir.iterdir())
    mapped = features_of(extractor, images, digests, cache_dir)
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, held)
    assert sorted(entry.name for entry in cache_dir.iterdir()) == before


def test_features_of__many_commits(
    extractor: Extractor, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "COMMIT", 4)
    images, digests = photos(40)
    features = features_of(extractor, images, digests, cache_dir)
    assert len(extractor.table(cache_dir)) == 40
    monkeypatch.setattr(commits, "COMMIT", 256)
    np.testing.assert_array_equal(features, features_of(extractor, images, digests, cache_dir / "at once"))


def test_features_of__views(extractor: Extractor, cache_dir: Path) -> None:
    shape_known(extractor)
    images, digests = photos(3)
    photo, first, second = (
        features_of(extractor, images, digests, cache_dir, view=view) for view in range(3)
    )
    assert seen(extractor) == 9
    for one, other in ((photo, first), (photo, second), (first, second)):
        assert (np.abs(one - other).reshape(3, -1).max(axis=1) > 0.01).all()
    np.testing.assert_array_equal(features_of(extractor, images, digests, cache_dir, view=1), first)
    assert seen(extractor) == 0
    np.testing.assert_array_equal(
        features_of(extractor, images, digests, cache_dir / "elsewhere", view=1), first
    )


def test_features_of__views_follow_their_policy(extractor: Extractor, cache_dir: Path) -> None:
    shape_known(extractor)
    images, digests = photos(2)
    for view in range(2):
        features_of(extractor, images, digests, cache_dir, view=view)
    seen(extractor)
    wilder = replace(extractor, views=Views(rotation=40))
    features_of(wilder, images, digests, cache_dir)  # the photo itself is the same for all
    assert seen(wilder) == 0
    features_of(wilder, images, digests, cache_dir, view=1)
    assert seen(wilder) == 2


def test_features_of__mirrored(extractor: Extractor, cache_dir: Path) -> None:
    shape_known(extractor)
    images, digests = photos(3)
    photo = features_of(extractor, images, digests, cache_dir)
    mirrored = features_of(extractor, images, digests, cache_dir, view=MIRRORED)
    assert seen(extractor) == 6
    flipped = Held(np.ascontiguousarray(images.array[:, :, ::-1]))
    expected = features_of(extractor, flipped, digests, cache_dir / "flipped")
    np.testing.assert_allclose(mirrored, expected, rtol=2e-3, atol=1e-3)
    assert (np.abs(mirrored - photo).reshape(3, -1).max(axis=1) > 0.01).all()
    seen(extractor)
    wilder = replace(extractor, views=Views(rotation=40))  # is about views, not about mirrors
    np.testing.assert_array_equal(features_of(wilder, images, digests, cache_dir, view=MIRRORED), mirrored)
    assert seen(extractor) == 0


def test_features_of__goes_on_where_it_stopped(
    extractor: Extractor, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape_known(extractor)
    images, digests = photos(6)

    class Failing(Held):
        def __getitems__(self, indices: BatchIndices) -> NDArray[np.uint8]:
            if 5 in indices:
                raise DataError("'5.png' changed", "photos that stay", "run again")
            return super().__getitems__(indices)

    with pytest.raises(DataError, match=re.escape("'5.png' changed")):
        features_of(extractor, Failing(images.array), digests, cache_dir)
    assert 4 <= seen(extractor) <= 5
    features_of(extractor, images, digests, cache_dir)
    assert 1 <= seen(extractor) <= 2


def test_features_of__in_8_bits(
    extractor: Extractor, cache_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = replace(extractor, precision="int8")
    images, digests = photos(12)
    show_progress()
    try:
        found = features_of(quick, images, digests, cache_dir).reshape(12, -1).astype(np.float32)
    finally:
        show_progress(False)
    exact = features_of(extractor, images, digests, cache_dir).reshape(12, -1).astype(np.float32)
    cosines = (found * exact).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(exact, axis=1)
    assert 0.9 < cosines.min() < 1 and not np.array_equal(found, exact)
    assert "Mean cosine similarity of features in 8 and in 32 bits: 0.9" in capsys.readouterr().err
    # Other photos are run by the graph that these have calibrated.
    features_of(quick, *photos(3, seed=1), cache_dir)
    assert len(list((cache_dir / "graphs").glob("*-int8.graph"))) == 1


def test_make_extractor__a_precision_that_the_device_has_not(resnet: Backbone) -> None:
    for precision, device in (("fp16", "cpu"), ("int8", "cuda")):
        options = BackboneConfig(precision=precision)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match=f"--precision {precision} on {device}"):
            make_extractor(resnet, options, torch.device(device))


def test_table__is_named_by_all_that_changes_features(extractor: Extractor, cache_dir: Path) -> None:
    lighter = replace(extractor.backbone.preprocessing, mean=(0.0, 0.0, 0.0))
    body = extractor.backbone.body
    variants = [
        extractor,
        replace(extractor, pool=1),
        replace(extractor, precision="int8"),
        replace(extractor, backbone=untrained(seed=1)),
        replace(extractor, backbone=Backbone("resnet18", body, lighter, "untrained")),
        replace(extractor, backbone=Backbone("renamed", body, extractor.backbone.preprocessing, "untrained")),
    ]
    assert len({variant.table(cache_dir).path for variant in variants}) == len(variants)
    assert len({extractor.table(cache_dir, view).path for view in (0, 1, 2)}) == 2
    wilder = replace(extractor, views=Views(shift=0.2))
    assert wilder.table(cache_dir).path == extractor.table(cache_dir).path
    assert wilder.table(cache_dir, 1).path != extractor.table(cache_dir, 1).path
    assert extractor.table(cache_dir).path.parent == cache_dir / "features"


@pytest.mark.slow
def test_features_of__alexnet_s_are_what_a_saved_recogniser_computes(cache_dir: Path) -> None:
    backbone, config = load_backbone("alexnet", "untrained"), HeadConfig("linear", pool=None)
    network = BackboneClassifier(backbone, Pool(None, 6, 6), Head(256 * 6 * 6, 2, config))
    described = NetworkConfig("frozen", 2, backbone.preprocessing, "alexnet", (256, 6, 6), config)
    recogniser = recogniser_of(network, BundleConfig(("A", "B"), described), cache_dir)
    images = Held(np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), dtype=np.uint8))
    digests = [content_digest(image.tobytes()) for image in images.array]
    extractor = Extractor(backbone, None, Views(), torch.device("cpu"))
    stored = features_of(extractor, images, digests, cache_dir).astype(np.float32)
    with torch.inference_mode():
        of_torch = network.pool(backbone(backbone.preprocessing.normalise(torch.from_numpy(images.array))))
        logits = network.head(torch.from_numpy(stored))
    np.testing.assert_allclose(stored, of_torch.numpy(), rtol=2e-3, atol=1e-5)
    expected = torch.softmax(logits, dim=1).numpy()
    np.testing.assert_allclose(recogniser.classify_prepared(images.array), expected, atol=1e-5)


def test_features_of__torch_stands_in_for_what_cannot_be_exported(
    extractor: Extractor, cache_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Choosy(nn.Module):
        """Does what no graph does: it looks at its numbers and then decides."""

        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, images: Tensor) -> Tensor:
            bright = float(images.mean()) > 0
            return images[:, :, :8, :8] * (self.scale if bright else -self.scale)

    backbone = Backbone("choosy", Choosy(), extractor.backbone.preprocessing, "own")
    images, digests = photos(3)
    show_progress()
    try:
        found = features_of(replace(extractor, backbone=backbone), images, digests, cache_dir)
    finally:
        show_progress(False)
    assert found.shape == (3, 3, 8, 8) and found.any() and seen(extractor) == 0
    assert "torch runs the backbone choosy" in capsys.readouterr().err


@pytest.mark.slow
def test_features_of__two_tables_do_not_meet(extractor: Extractor, cache_dir: Path) -> None:
    images, digests = photos(2)
    features_of(extractor, images, digests, cache_dir)
    theirs = features_of(replace(extractor, backbone=untrained(seed=1)), images, digests, cache_dir)
    assert not np.array_equal(theirs, features_of(extractor, images, digests, cache_dir))


def test_features_of__one_image(extractor: Extractor, cache_dir: Path) -> None:
    images, digests = photos(1)
    assert features_of(extractor, images, digests, cache_dir).shape == (1, 512, 2, 2)


def test_features_of__no_image(extractor: Extractor, cache_dir: Path) -> None:
    images, digests = photos(1)
    assert features_of(extractor, images, [], cache_dir).shape == (0, 512, 2, 2)
    features_of(extractor, images, digests, cache_dir)
    assert features_of(extractor, images, [], cache_dir).shape == (0, 512, 2, 2)

"""Compute features, find hands and cache both, so that training takes seconds."""

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshape.cache.location import open_cache
from handshape.cluster import join_cluster
from handshape.commands.shared import index_photos, list_photos, print_skipped, say_layout
from handshape.config.cluster import is_address
from handshape.config.data import DataConfig
from handshape.config.use import FeaturesConfig
from handshape.data.dataset import Dataset, Unreadable
from handshape.data.io.packed import PackedFile
from handshape.errors import UsageError
from handshape.features.extract import Extractor, features_of, fill_cache, make_extractor
from handshape.models.backbones.registry import Backbone, load_backbone
from handshape.models.device import choose_device
from handshape.models.hand.hand_finder import HandFinder


def features(config: FeaturesConfig) -> dict[str, Any]:
    """Cache the features and the hand of every photo; return their number, shape, backbone and weights."""
    return _on_cluster(config) if config.engine == "ray" else extract_photos(config)[0]


def extract_photos(
    config: FeaturesConfig, given: Dataset | None = None, own: Backbone | None = None
) -> tuple[dict[str, Any], Dataset, Callable[[], NDArray[np.float16]]]:
    """Cache features in this process, of photos and with a backbone that a program may pass.

    Returns:
        As `features`, the N photos that can be read, and what reads their (N, C, p, p) features.
    """
    device = choose_device(config.device)
    options = DataConfig(**{field.name: getattr(config, field.name) for field in fields(DataConfig)})
    listed = list_photos(options, options.data, given)  # before weights are fetched
    backbone = own or load_backbone(config.backbone, config.weights, seed=config.seed)
    # Without measurements: the data is checked when a model is trained on it.
    size = backbone.preprocessing.size
    cache, indexed = index_photos(options, size=size, measure=False, listed=listed, finder=HandFinder())
    extractor = make_extractor(backbone, config, device)
    for view in range(1 + config.views):
        fill_cache(extractor, indexed.images, indexed.digests, cache, view=view)
    found = _result(config, extractor, len(indexed.dataset), indexed.dataset.unreadable, cache)
    return found, indexed.dataset, partial(features_of, extractor, indexed.images, indexed.digests, cache)


def _on_cluster(config: FeaturesConfig) -> dict[str, Any]:
    system, dataset = _listed(config)
    backbone = load_backbone(config.backbone, config.weights, seed=config.seed)
    cache = open_cache(config.cache)
    with join_cluster(config.address):
        from handshape.features.distributed import device_of_cluster, fill_on_cluster  # Ray is an extra

        extractor = make_extractor(backbone, config, device_of_cluster(config.device))
        found = fill_on_cluster(
            extractor, dataset, cache, system=system, views=config.views, strict=config.strict
        )
    print_skipped(replace(dataset, unreadable=found.unreadable))
    return _result(config, extractor, len(found.digests), found.unreadable, cache)


def _listed(config: FeaturesConfig) -> tuple[Any, Dataset]:
    """Return the photos, and their file system if they are at an address."""
    if is_address(config.data):
        from handshape.data.io.remote import read_address  # slow to import

        system, dataset = read_address(
            config.data,
            labels=config.labels,
            signer=config.signer,
            source=config.source,
            label_from=config.label_from,
            layout=config.layout,
        )
        say_layout(dataset, config)
        return system, dataset
    dataset = list_photos(config, Path(config.data))
    if any(isinstance(sample.path, PackedFile) for sample in dataset.samples):
        raise UsageError(
            f"--engine ray with {config.data!r}, which has to be unpacked",
            "a folder of photos that every node can read",
            "unpack it, or leave out --engine",
        )
    return None, dataset


def _result(
    config: FeaturesConfig, extractor: Extractor, images: int, unreadable: Sequence[Unreadable], cache: Path
) -> dict[str, Any]:
    return {
        "images": images,
        "unreadable": [{"path": one.name, "reason": one.reason} for one in unreadable],
        "views": config.views,
        "shape": list(extractor.shape),
        "bytes": int(np.prod(extractor.shape)) * 2 * images * (1 + config.views),
        "backbone": extractor.backbone.name,
        "weights": extractor.backbone.source,
        "cache": str(cache),
    }

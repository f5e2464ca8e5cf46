"""Bursts: groups of near-duplicates, which a split must keep together."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from handshape.data.checks.near_duplicates import Pairs, group_exact_copies
from handshape.data.sample import Ids

# A group may hold this share of its label, and at least this many photos; a longer chain is cut.
_GROUP_SHARE, _GROUP_FLOOR = 1 / 3, 25


def find_bursts(
    pairs: Pairs, digests: Sequence[str], classes: Ids, videos: Sequence[str | None] | None = None
) -> Ids:
    """Group photos that are linked by near-duplicates, directly or through others.

    A video is one long chain. The weakest links of a chain are cut where it holds more than a third of its
    label and more than 25 photos, because no fair split could keep it together; `find_leaks` counts the pairs
    that then cross the split.

    Args:
        pairs: Near-duplicates of the same label.
        digests: Content digest of N photos; exact copies are always in one group, also across labels.
        classes: (N,) int64, class of each.
        videos: The video that each is a frame of, None for a photo; a video is one group whatever its length.

    Returns:
        (N,) int64, group of each photo, numbered from 0 in order of first appearance.
    """
    count = len(digests)
    chains = _components(count, pairs.first, pairs.second)
    limit = np.maximum(_GROUP_FLOOR, (np.bincount(classes) * _GROUP_SHARE).astype(np.int64))[classes]
    long = np.bincount(chains)[chains] > limit
    within = long[pairs.first]
    cut = _capped_links(count, pairs.where(within), limit)
    links = [(pairs.first[~within], pairs.second[~within]), cut, _copies(digests), _same_video(videos or ())]
    first, second = (np.concatenate(ends) for ends in zip(*links, strict=True))
    return _by_appearance(_components(count, first, second))


def _components(count: int, first: Ids, second: Ids) -> Ids:
    links = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(count, count))
    groups: Ids = connected_components(links, directed=False)[1].astype(np.int64)
    return groups


def _capped_links(count: int, pairs: Pairs, limit: Ids) -> tuple[Ids, Ids]:
    """Return links, nearest photos first, that join no more photos than their limit."""
    # Zero is no link in a sparse matrix. A tree of the nearest links holds every chain together.
    weights = coo_array((pairs.distance + 1e-6, (pairs.first, pairs.second)), shape=(count, count))
    tree = minimum_spanning_tree(weights.tocsr()).tocoo()
    order = np.lexsort((tree.col, tree.row, tree.data))
    parent, size, kept = list(range(count)), [1] * count, []
    for a, b in zip(tree.row[order].tolist(), tree.col[order].tolist(), strict=True):
        one, other = _root(parent, a), _root(parent, b)
        if size[one] + size[other] <= limit[a]:
            parent[other], size[one] = one, size[one] + size[other]
            kept.append((a, b))
    ends = np.array(kept, dtype=np.int64).reshape(-1, 2)
    return ends[:, 0], ends[:, 1]


def _root(parent: list[int], node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


def _same_video(videos: Sequence[str | None]) -> tuple[Ids, Ids]:
    """Link each frame to the first of its video."""
    first: dict[str, int] = {}
    links = [(first.setdefault(video, i), i) for i, video in enumerate(videos) if video is not None]
    ends = np.array(links, dtype=np.int64).reshape(-1, 2)
    return ends[:, 0], ends[:, 1]


def _copies(digests: Sequence[str]) -> tuple[Ids, Ids]:
    """Link each copy to the first file of the same content."""
    groups = group_exact_copies(digests)
    first = np.unique(groups, return_index=True)[1][groups]
    later = np.arange(len(digests), dtype=np.int64)
    return first[first != later], later[first != later]


def _by_appearance(groups: Ids) -> Ids:
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first)).astype(np.int64)[inverse]

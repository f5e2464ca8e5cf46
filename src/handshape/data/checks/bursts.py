"""Bursts: groups of near-duplicates, each of which belongs on one side of a split."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from handshape.data.checks.near_duplicates import Pairs, exact_groups

Ids = NDArray[np.int64]

# A group may hold this share of its label, and a small label's group this many; a longer chain is cut.
_GROUP_SHARE, _GROUP_FLOOR = 1 / 3, 25


def find_bursts(pairs: Pairs, digests: Sequence[str], classes: Ids) -> Ids:
    """Put photos that are linked by near-duplicates, directly or through others, into one group.

    A video is one long chain. Where a chain holds more than a third of its label (and more than 25 photos),
    so that no fair split could keep it whole, its weakest links are cut; `leaks` counts what then crosses a
    split.

    Args:
        pairs: Near-duplicates of the same label.
        digests: Content digest of N photos; copies are always in one group, whatever their labels.
        classes: (N,) int64, class of each.

    Returns:
        (N,) int64, group of each photo, numbered from 0 in order of first appearance.
    """
    count = len(digests)
    chains = _components(count, pairs.first, pairs.second)
    limit = np.maximum(_GROUP_FLOOR, (np.bincount(classes) * _GROUP_SHARE).astype(np.int64))[classes]
    long = np.bincount(chains)[chains] > limit
    within = long[pairs.first]
    cut = _capped_links(count, pairs.where(within), limit)
    links = [(pairs.first[~within], pairs.second[~within]), cut, _copies(digests)]
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


def _copies(digests: Sequence[str]) -> tuple[Ids, Ids]:
    """Link each copy to the first file of the same content."""
    groups = exact_groups(digests)
    first = np.unique(groups, return_index=True)[1][groups]
    later = np.arange(len(digests), dtype=np.int64)
    return first[first != later], later[first != later]


def _by_appearance(groups: Ids) -> Ids:
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first)).astype(np.int64)[inverse]

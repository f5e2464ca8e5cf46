"""Checks on labels, signers and sources, for which no pixel is read."""

from collections.abc import Iterator

from handshape.data.checks.finding import Finding, Severity, count_of, listed
from handshape.data.dataset import Dataset, GroupKind

# Photos per label below which a figure says little, and below which it says nothing.
_FEW, _VERY_FEW = 50, 10
# Photos of the largest label over those of the smallest.
_UNEVEN, _VERY_UNEVEN = 3.0, 10.0
_MANY_UNREADABLE = 0.1


def check_unreadable(dataset: Dataset) -> Iterator[Finding]:
    """Yield a finding if files were left out; its share is of all files."""
    count = len(dataset.unreadable)
    if count:
        share = count / (count + len(dataset))
        yield Finding(
            "unreadable",
            "serious" if share > _MANY_UNREADABLE else "warning",
            f"{count_of(count, 'file', 'files')} of {count + len(dataset):,} cannot be read and will not be "
            f"used: mend or replace them, beginning with {dataset.unreadable[0].name}.",
            share,
            tuple(u.name for u in dataset.unreadable),
            tuple(sorted({u.label for u in dataset.unreadable})),
        )


def check_counts(dataset: Dataset) -> Iterator[Finding]:
    """Yield findings about a single label, labels with few photos and uneven numbers."""
    counts = dataset.counts()
    if len(dataset) and len(dataset.labels) == 1:
        yield Finding(
            "one_label",
            "serious",
            f"{dataset.labels[0]} is the only label: there is nothing to tell it from, so add a folder for "
            "another.",
            1.0,
            labels=dataset.labels,
        )
    steps: tuple[tuple[int, int, Severity], ...] = ((0, _VERY_FEW, "serious"), (_VERY_FEW, _FEW, "warning"))
    for start, below, severity in steps:
        few = tuple(label for label, count in counts.items() if start <= count < below)
        if few:
            yield Finding(
                "few_photos",
                severity,
                f"{count_of(len(few), 'label has', 'labels have')} fewer than {below} photos "
                f"({listed(few)}): too few to learn from or to measure with, so add more, of new people.",
                sum(counts[label] for label in few) / max(1, len(dataset)),
                labels=few,
            )
    held = {label: count for label, count in counts.items() if count}
    if len(held) > 1:
        most, least = max(held, key=held.__getitem__), min(held, key=held.__getitem__)
        ratio = held[most] / held[least]
        if ratio > _UNEVEN:
            yield Finding(
                "imbalance",
                "serious" if ratio > _VERY_UNEVEN else "warning",
                f"{most} has {held[most]:,} photos and {least} has {held[least]:,}: the overall accuracy "
                "hides how badly rare labels are read, so add photos of those.",
                held[least] / len(dataset),
                labels=(most, least),
            )


def check_signers(dataset: Dataset) -> Iterator[Finding]:
    """Yield findings about signers that are not known, or too few."""
    nameless = tuple(sample.name for sample in dataset.samples if sample.signer is None)
    if nameless:
        yield Finding(
            "signers_unknown",
            "warning",
            f"{count_of(len(nameless), 'photo has', 'photos have')} no known signer: one person may be on "
            "two sides of the split, which makes figures too good, so name them with --signer or in a table.",
            len(nameless) / len(dataset),
            nameless if len(nameless) < len(dataset) else (),
        )
    if len(dataset.signers) == 1 and not nameless:
        yield Finding(
            "one_signer",
            "serious",
            f"All {len(dataset):,} photos are of one signer ({dataset.signers[0]}): they cannot say how "
            "other people are read, so add photos of at least two more people.",
            1.0,
        )
    lone = _shown_by_one(dataset, "signer") if len(dataset.signers) > 1 else ()
    if lone:
        yield Finding(
            "label_one_signer",
            "warning",
            f"{count_of(len(lone), 'label is', 'labels are')} shown by one signer only ({listed(lone)}): "
            "that person cannot be both learnt from and tested on, so add photos of others.",
            sum(sample.label in lone for sample in dataset.samples) / len(dataset),
            labels=lone,
        )


def check_sources(dataset: Dataset) -> Iterator[Finding]:
    """Yield findings about sources (rooms, cameras, collections) that are not known, or a single one."""
    nameless = tuple(sample.name for sample in dataset.samples if sample.source is None)
    if nameless and not dataset.sources:
        yield Finding(
            "sources_unknown",
            "note",
            "Rooms and cameras are not known: figures speak of rooms and cameras like those in these photos "
            "only, so name them with --source, and leave each out once with --folds source.",
            1.0,
        )
    elif nameless:
        yield Finding(
            "sources_unknown",
            "note",
            f"{count_of(len(nameless), 'photo has', 'photos have')} no known source (room, camera, "
            "collection): --folds source leaves them out, so name it.",
            len(nameless) / len(dataset),
            nameless,
        )
    if len(dataset.sources) == 1 and not nameless:
        yield Finding(
            "one_source",
            "warning",
            f"All {len(dataset):,} photos are from one source ({dataset.sources[0]}): they cannot say how "
            "photos from another room or camera are read, so add some, and name where they are from.",
            1.0,
        )
    lone = _shown_by_one(dataset, "source") if len(dataset.sources) > 1 else ()
    if lone:
        yield Finding(
            "label_one_source",
            "warning",
            f"{count_of(len(lone), 'label is', 'labels are')} in one source only ({listed(lone)}): the room "
            "or camera may give such a label away, and no other can test it, so add photos from others.",
            sum(sample.label in lone for sample in dataset.samples) / len(dataset),
            labels=lone,
        )


def _shown_by_one(dataset: Dataset, what: GroupKind) -> tuple[str, ...]:
    """Return the labels of which all photos are of one known signer, or from one known source."""
    found: dict[str, set[str | None]] = {label: set() for label in dataset.labels}
    for sample in dataset.samples:
        found[sample.label].add(sample.signer if what == "signer" else sample.source)
    return tuple(label for label, names in found.items() if len(names) == 1 and None not in names)

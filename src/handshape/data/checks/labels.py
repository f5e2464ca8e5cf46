"""Checks of labels, signers and sources; they need no pixels."""

import unicodedata
from collections.abc import Iterator

from handshape.data.checks.finding import Finding, Severity, count_of, listed
from handshape.data.dataset import Dataset, GroupKind
from handshape.types import UNSURE

# Photos per label: below the first an accuracy is uncertain, below the second it is meaningless.
_FEW, _VERY_FEW = 50, 10
# Photos of the largest label over those of the smallest.
_UNEVEN, _VERY_UNEVEN = 3.0, 10.0
_MANY_UNREADABLE = 0.1
# Kinds of what is not used that nobody takes for photos of a label.
_NEVER_MEANT = ("hidden", "system", "handshape's own", "link", "table", "other file", "excluded")


def check_unreadable(dataset: Dataset) -> Iterator[Finding]:
    """Yield a finding if files could not be read; its share is of all files."""
    count = len(dataset.unreadable)
    if count:
        share = count / (count + len(dataset))
        yield Finding(
            "unreadable",
            "serious" if share > _MANY_UNREADABLE else "warning",
            f"{count:,} of {count_of(count + len(dataset), 'file', 'files')} cannot be used and "
            f"{'was' if count == 1 else 'were'} skipped. Repair or replace {'it' if count == 1 else 'them'}, "
            f"starting with {dataset.unreadable[0].name}.",
            share,
            tuple(u.name for u in dataset.unreadable),
            tuple(sorted({u.label for u in dataset.unreadable})),
        )


def check_unused(dataset: Dataset) -> Iterator[Finding]:
    """Yield a finding if parts of the data set are not used: a warning if they may have been meant."""
    kinds = {kind: rows for kind, rows in dataset.left_out().items() if kind != "unreadable"}
    meant = tuple(kind for kind in kinds if kind not in _NEVER_MEANT)
    if kinds:
        rows = [one for kind in meant or kinds for one in kinds[kind]]
        counts = tuple(f"{kind}: {len(found):,}" for kind, found in kinds.items())
        yield Finding(
            "not_used",
            "warning" if meant else "note",
            f"Some files or folders are not used ({listed(counts)}). The first: {rows[0].name}, "
            f"{rows[0].reason}.",
            0.0,
            tuple(one.name for one in rows),
        )


def check_names(dataset: Dataset) -> Iterator[Finding]:
    """Yield findings about labels that are nearly the same or are words of handshape, and odd file names."""
    alike: dict[str, list[str]] = {}
    for label in dataset.labels:
        alike.setdefault("".join(unicodedata.normalize("NFKC", label).casefold().split()), []).append(label)
    similar = tuple(label for labels in alike.values() if len(labels) > 1 for label in labels)
    if similar:
        yield Finding(
            "similar_labels",
            "serious",
            f"Labels differ only in case, blanks or Unicode form: {listed(tuple(map(repr, similar)))}. If "
            "they are one sign, put their photos into one folder; if not, rename one.",
            sum(sample.label in similar for sample in dataset.samples) / max(1, len(dataset)),
            labels=similar,
        )
    own = tuple(label for label in dataset.labels if label.casefold() == UNSURE)
    if own:
        yield Finding(
            "reserved_label",
            "serious",
            f"handshape answers {UNSURE!r} below the threshold, which could not be distinguished from the "
            f"label {own[0]!r}. Rename it.",
            0.0,
            labels=own,
        )
    odd = tuple(one.name for one in dataset.samples if not _is_utf8(str(one.path)))
    if odd:
        yield Finding(
            "names_not_utf8",
            "note",
            f"{count_of(len(odd), 'path is', 'paths are')} not valid UTF-8; such bytes are shown as escapes. "
            f"The first: {odd[0]}.",
            len(odd) / len(dataset),
            odd,
        )


def _is_utf8(text: str) -> bool:
    return text.isascii() or not any("\udc80" <= character <= "\udcff" for character in text)


def check_counts(dataset: Dataset) -> Iterator[Finding]:
    """Yield findings about a single label, labels with few photos and uneven numbers."""
    counts = dataset.counts()
    if len(dataset) and len(dataset.labels) == 1:
        yield Finding(
            "one_label",
            "serious",
            f"{dataset.labels[0]} is the only label, so there is nothing to tell it apart from. Add a "
            "folder for another label.",
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
                f"({listed(few)}). That is too few to train on or to test with. Add more, of new people.",
                sum(counts[label] for label in few) / max(1, len(dataset)),
                labels=few,
            )
    present = {label: count for label, count in counts.items() if count}
    if len(present) > 1:
        most, least = max(present, key=present.__getitem__), min(present, key=present.__getitem__)
        ratio = present[most] / present[least]
        if ratio > _UNEVEN:
            yield Finding(
                "imbalance",
                "serious" if ratio > _VERY_UNEVEN else "warning",
                f"{most} has {count_of(present[most], 'photo', 'photos')} and {least} has "
                f"{present[least]:,}. The overall accuracy says little about rare labels. Add photos of "
                "those.",
                present[least] / len(dataset),
                labels=(most, least),
            )


def check_signers(dataset: Dataset) -> Iterator[Finding]:
    """Yield findings about unknown signers or too few of them."""
    nameless = tuple(sample.name for sample in dataset.samples if sample.signer is None)
    if nameless:
        yield Finding(
            "signers_unknown",
            "warning",
            f"handshape does not know who signs in {count_of(len(nameless), 'photo', 'photos')}. If one "
            "person is in both training and test, the accuracy looks better than it is. Name people with "
            "--signer.",
            len(nameless) / len(dataset),
            nameless if len(nameless) < len(dataset) else (),
        )
    if len(dataset.signers) == 1 and not nameless:
        yield Finding(
            "one_signer",
            "serious",
            f"All {len(dataset):,} photos are of one signer ({dataset.signers[0]}). They cannot show how "
            "well it works for other people. Add photos of at least two more people.",
            1.0,
        )
    lone = _shown_by_one(dataset, "signer") if len(dataset.signers) > 1 else ()
    if lone:
        yield Finding(
            "label_one_signer",
            "warning",
            f"{count_of(len(lone), 'label is', 'labels are')} shown by one signer only ({listed(lone)}). "
            "That person cannot be in both training and test. Add photos of other people.",
            sum(sample.label in lone for sample in dataset.samples) / len(dataset),
            labels=lone,
        )


def check_sources(dataset: Dataset) -> Iterator[Finding]:
    """Yield findings about unknown sources (rooms, cameras, collections) or a single one."""
    nameless = tuple(sample.name for sample in dataset.samples if sample.source is None)
    if nameless and not dataset.sources:
        yield Finding(
            "sources_unknown",
            "note",
            "handshape does not know which room or camera a photo is from. Say so with --source; --folds "
            "source then measures the accuracy in a room it has not seen.",
            1.0,
        )
    elif nameless:
        yield Finding(
            "sources_unknown",
            "note",
            f"{count_of(len(nameless), 'photo has', 'photos have')} no known source (room, camera or "
            "collection), and --folds source skips them. Name the source with --source.",
            len(nameless) / len(dataset),
            nameless,
        )
    if len(dataset.sources) == 1 and not nameless:
        yield Finding(
            "one_source",
            "warning",
            f"All {len(dataset):,} photos are from one source ({dataset.sources[0]}). They cannot show how "
            "well it works in another room or with another camera. Add photos from elsewhere.",
            1.0,
        )
    lone = _shown_by_one(dataset, "source") if len(dataset.sources) > 1 else ()
    if lone:
        yield Finding(
            "label_one_source",
            "warning",
            f"{count_of(len(lone), 'label is', 'labels are')} in one source only ({listed(lone)}). A model "
            "can recognise such a label by its room or camera. Add photos from other sources.",
            sum(sample.label in lone for sample in dataset.samples) / len(dataset),
            labels=lone,
        )


def _shown_by_one(dataset: Dataset, what: GroupKind) -> tuple[str, ...]:
    """Return the labels whose photos all have the same known signer, or the same known source."""
    found: dict[str, set[str | None]] = {label: set() for label in dataset.labels}
    for sample in dataset.samples:
        found[sample.label].add(sample.signer if what == "signer" else sample.source)
    return tuple(label for label, names in found.items() if len(names) == 1 and None not in names)

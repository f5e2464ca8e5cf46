"""List labelled images: of a folder, a table or an archive."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import repeat
from pathlib import Path

from handshape.data.dataset import Dataset, Sample, Unreadable, Unused
from handshape.data.io.folder_tables import read_table_file
from handshape.data.io.found import BY_FOLDER, Found, LayoutOption, Reading, leave_out
from handshape.data.io.labels import select_labels
from handshape.data.io.layouts import recognise
from handshape.data.io.packed import compression_of, is_tar, tar_tree, zip_tree
from handshape.data.io.path_patterns import compile_pattern, find_in_paths
from handshape.data.io.project_file import SIGNER_PATTERN, names_signers, take_project
from handshape.data.io.tree import Tree, text_of
from handshape.data.io.unpack import unpack_tar
from handshape.data.io.walk import walk_folder
from handshape.errors import DataError, DataNotFoundError


def read_folder(
    data: str | Path,
    *,
    labels: str | None = None,
    signer: str | None = None,
    source: str | None = None,
    label_from: str | None = None,
    layout: LayoutOption = "auto",
    follow_links: bool = True,
    exclude: Path | None = None,
    cache: Path | None = None,
) -> Dataset:
    r"""List the labelled images of a folder, an archive or a table, without decoding any.

    Labels are folder names, in the order of torchvision's ``ImageFolder``. A signer is a person; a source is
    the room, camera or collection that a photo comes from.

    Args:
        data: A folder, zip or tar archive with ``<label>/*`` or ``{train,valid,test}/<label>/*`` (in any
            usual spelling), a single folder around those included, or with a table; or a table: CSV or TSV
            with the columns ``path,label[,signer][,source][,split]``, or with labels and pixels.
        labels: Labels to keep, as ``A,B,C`` or ``A-I``; ``None`` keeps all.
        signer: ``folder`` for ``root/<signer>/<label>/*``, or a regular expression with one group, searched
            in each path below the root. The photos of a project file of Teach have theirs in any case.
        source: For a table, the name of a column (by default ``source``). For folders as for ``signer``.
        label_from: Regular expression with one group that finds the label in each path, for photos that are
            in no label folder.
        layout: ``labels`` takes the folders for labels, whatever their names and what is in them.
        follow_links: Whether links are followed; otherwise they are listed as not used.
        exclude: File with names of photos to leave out, one in each line; the photos stay as they are.
        cache: The cache folder, where compressed archives, videos and tables of pixels are unpacked; ``None``
            for the user's.

    Returns:
        The data set. What of the folder is not used is in its ``unreadable`` and ``unused``.

    Raises:
        DataNotFoundError: ``data`` does not exist.
        DataError: There is no image, the layout could be read in two ways, a label is unknown, an expression
            is malformed or matches nothing, or a column is missing.

    Source: ``torchvision.datasets.ImageFolder`` for the order of labels and files.

    Examples:
        >>> dataset = handshape.read_folder("photos", signer=r"(signer\d+)_")
        >>> dataset
        Dataset('photos', 72 photos, 3 labels (A, B, C), 4 signers)
        >>> dataset.layout.summary
        'label folders, 3 labels'
        >>> dataset[0]  # doctest: +ELLIPSIS
        Sample(path=...photos/A/signer1_0.png'), name='A/signer1_0.png', label='A', signer='signer1', ...
    """
    given = Path(data).expanduser()
    shown, root = text_of(str(given)), given.absolute()
    pattern = compile_pattern("label-from", label_from) if label_from is not None else None
    wanted = Reading(signer=signer, source=source, label_from=pattern, layout=layout, cache=cache)
    try:
        found = _found(root, shown, wanted, follow_links)
    except OSError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"cannot read {shown!r} ({error.strerror})",
            "a folder, an archive or a table",
            "check the file and its permissions",
        ) from error
    base = root if root.is_dir() else root.parent
    if exclude is not None:
        leave_out(found, exclude)
    from_paths = None if source == BY_FOLDER or found.names_columns else source
    if signer is None and found.is_project and names_signers(found.samples):
        signer = SIGNER_PATTERN
    return choose_samples(found, base.resolve(), labels, None if signer == BY_FOLDER else signer, from_paths)


def read_unlabelled(root: str | Path, *, follow_links: bool = True) -> Dataset:
    """List all images below a folder, under one meaningless label: the folder's name."""
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise DataNotFoundError(f"no folder at {str(folder)!r}", "a folder of photos", "check the path")
    tree = walk_folder(folder.resolve(), follow_links=follow_links)
    found = Found(str(folder), tree, Reading(), unused=list(tree.unused))
    for file in tree.top.all_files():
        found.add(file, Sample(file.path, file.name, text_of(folder.resolve().name)))
    found.cut_videos()
    return _dataset(found, folder.resolve(), found.samples, (text_of(folder.resolve().name),))


def choose_samples(
    found: Found, root: Path, labels: str | None, signer: str | None, source: str | None
) -> Dataset:
    """Make a data set of what was found in a layout; ``signer`` and ``source`` are searched in paths."""
    rows = found.samples
    chosen = select_labels(found.labels, labels)
    rows = [row for row in rows if row.label in chosen]
    people = None if signer is None else find_in_paths(rows, "signer", signer)
    places = None if source is None else find_in_paths(rows, "source", source)
    if people or places:
        rows = [
            replace(row, signer=who or row.signer, source=where or row.source)
            for row, who, where in zip(rows, people or repeat(None), places or repeat(None), strict=False)
        ]
    return _dataset(found, root, rows, chosen)


def _found(root: Path, shown: str, wanted: Reading, follow_links: bool) -> Found:
    if not root.exists():
        raise DataNotFoundError(
            f"no folder or table at {shown!r}",
            "a folder of label folders, an archive or a table",
            "check the path",
        )
    if root.is_dir():
        return _recognised(walk_folder(root, follow_links=follow_links), wanted, shown)
    if not root.is_file():
        raise DataError(
            f"{shown!r} is neither a folder nor a file", "a folder, an archive or a table", "check the path"
        )
    tree = _archive(root, wanted.cache)
    if tree is None:
        return read_table_file(root, wanted, shown)
    found = _recognised(tree, wanted, shown)
    found.words = f"archive of {found.words}"
    return found


def _recognised(tree: Tree, wanted: Reading, shown: str) -> Found:
    is_project = take_project(tree)
    found = recognise(tree, wanted, shown)
    if is_project:
        found.is_project, found.words = True, f"a project of {found.words}"
    return found


def _archive(path: Path, cache: Path | None) -> Tree | None:
    """Return the files of an archive, or None if it is none."""
    with path.open("rb") as file:
        is_zip = file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    if is_zip and path.suffix.lower() not in (".xlsx", ".ods"):
        return zip_tree(path)
    if is_tar(path):
        return tar_tree(path)
    compression = compression_of(path)
    return None if compression is None else unpack_tar(path, compression, cache)


def _dataset(found: Found, root: Path, rows: Sequence[Sample], labels: tuple[str, ...]) -> Dataset:
    samples = sorted(rows, key=lambda sample: sample.label)  # stable: files of a label keep their order
    unreadable: tuple[Unreadable, ...] = tuple(one for one in found.unreadable if one.label in labels)
    unused: tuple[Unused, ...] = tuple(sorted(found.unused, key=lambda one: one.name))
    return Dataset(root, tuple(samples), labels, unreadable, unused, found.layout)

"""Errors of layouts that handshape cannot read, or could read in two ways."""

from collections.abc import Sequence

from handshape.data.checks.finding import count_of, listed
from handshape.data.dataset import Unused
from handshape.data.io.tree import File, Folder, Tree
from handshape.errors import DataError

_LAYOUTS = (
    "one folder for each label, or train, valid and test folders of those, or a table of path and label"
)


def ambiguous_error(data: str, tops: Sequence[str], shared: Sequence[str]) -> DataError:
    """Return the error of folders whose sub-folders have the same names: labels, or signers or sources?"""
    outer, inner = listed(tuple(tops), 6), listed(tuple(sorted(shared)), 6)
    return DataError(
        f"{data!r} can be read in two ways: (1) {len(tops)} labels ({outer}), each with sub-folders such as "
        f"{inner}; (2) {len(tops)} signers or sources ({outer}), each with the {len(shared)} labels {inner}",
        "only one of these",
        "add --layout labels for the first, --signer folder (people) or --source folder (rooms, cameras) for "
        "the second",
    )


def groups_error(data: str, tops: Sequence[str]) -> DataError:
    """Return the error of folders above split folders above labels."""
    return DataError(
        f"{data!r} has folders ({listed(tuple(tops), 6)}) with split folders with labels in them",
        "label folders, split folders of those, or signers or sources that are named",
        "add --signer folder (people) or --source folder (rooms, cameras)",
    )


def several_error(data: str, tables: Sequence[str]) -> DataError:
    """Return the error of several tables that could each be the one."""
    return DataError(
        f"{data!r} has several tables of its photos ({listed(tuple(tables))})",
        "one, or one for each of train, valid and test",
        "give the path of one of them",
    )


def flat_error(data: str, tree: Tree, folders: Sequence[str] = ()) -> DataError:
    """Return the error of photos that are in no label folder."""
    refuse_detection(data, tree.top)
    names = sorted(file.name for file in tree.top.all_files() if file.is_photo)
    where = f"in {listed(tuple(folders))}" if folders else "in the folder itself"
    labels = ", or --layout labels if those folders are the labels" if folders else ""
    return DataError(
        f"{data!r} has {count_of(len(names), 'photo', 'photos')} {where} and in no label folder, such as "
        f"{names[0]!r}",
        _LAYOUTS,
        "make a folder for each label, or say where the label is in the name, such as --label-from "
        f"'([^/_]+)_[^/]*$'{labels}",
    )


def refuse_detection(data: str, top: Folder) -> None:
    """Raise an error if the photos come with boxes, as exports for detection do.

    Raises:
        DataError: They do.
    """
    for folder in (top, *top.folders):
        inside = {one.base.lower(): one for one in folder.folders}
        endings = {file.ending for file in folder.files}
        names = {file.base.lower() for file in folder.files}
        boxes = ""
        if "images" in inside and any(file.ending == ".txt" for file in _files(inside.get("labels"))):
            boxes = "YOLO"
        elif folder.loose and any(name.endswith("annotations.coco.json") for name in names):
            boxes = "COCO"
        elif folder.loose and "_annotations.csv" in names:
            boxes = "CSV of boxes"
        elif folder.loose and ".xml" in endings:
            boxes = "Pascal VOC"
        if boxes:
            raise DataError(
                f"{data!r} is an export for detection ({boxes}): boxes in photos, not a label for each photo",
                _LAYOUTS,
                "export it for classification (in Roboflow: Folder Structure, or Multi-Label Classification)",
            )


def _files(folder: Folder | None) -> list[File]:
    return folder.files if folder else []


def nothing_error(data: str, tree: Tree, unused: Sequence[Unused]) -> DataError:
    """Return the error of a data set without a photo, with what was found instead."""
    if tree.top.loose:
        return flat_error(data, tree)
    refuse_detection(data, tree.top)
    found = "; ".join(f"{one.name}: {one.reason}" for one in unused[:3])
    return DataError(
        f"no images in {data!r}{f' (found: {found}{_more(unused)})' if unused else ''}",
        f"{_LAYOUTS}; or a zip or tar archive of these",
        "put the photos of the label A into a folder called A, and so on",
    )


def _more(unused: Sequence[Unused]) -> str:
    return f"; and {len(unused) - 3} more" if len(unused) > 3 else ""

"""Look at the files and folders of a directory once, without opening any photo."""

import errno
import json
import os
from pathlib import Path

from handshape.data.dataset import Unused
from handshape.data.io.tree import File, Folder, Tree, never_data, text_of, unused_name

OWN = "handshape's own"
"""Kind of a folder that handshape wrote."""
# A larger config.json was not written by handshape.
_LARGEST_CONFIG = 16_000_000


def walk_folder(root: Path, *, follow_links: bool = True) -> Tree:
    """Look at every file and folder below a root once; nothing is opened but handshape's own files.

    Links are followed, each folder once for each folder of the root; a loop ends.

    Args:
        root: The folder.
        follow_links: Whether links are followed; otherwise they are listed as unused.

    Raises:
        OSError: The root itself cannot be read.
    """
    tree, real_root, gone = Tree(Folder(root, "")), os.path.realpath(root), set[str]()
    above = {real_root, *map(str, Path(real_root).parents)}
    seen: set[tuple[str, str]] = set()
    stack = [(tree.top, real_root)]
    while stack:
        folder, real = stack.pop()
        try:
            with os.scandir(folder.path) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            if folder is tree.top:
                raise
            reason = f"a folder that cannot be read ({error.strerror})"
            tree.unused.append(Unused(f"{folder.name}/", "unreadable folder", reason))
            gone.add(folder.name)
            continue
        own = _own_output(folder.path, {entry.name for entry in entries})
        if own is not None:
            if folder is tree.top:
                tree.own = own
            else:
                tree.unused.append(Unused(f"{folder.name}/", OWN, own))
            continue
        below, start = [], f"{folder.name}/" if folder.name else ""
        for entry in entries:
            name = start + text_of(entry.name)
            if kind := never_data(entry.name):
                tree.unused.append(unused_name(name, kind))
            elif why := _refused(entry, follow_links):
                tree.unused.append(Unused(name, *why))
            elif not entry.is_dir():
                folder.files.append(File(Path(entry.path), name))
                if entry.is_symlink():
                    _count_link(tree, os.path.realpath(entry.path), real_root)
            else:
                linked = entry.is_symlink()
                place = os.path.realpath(entry.path) if linked else os.path.join(real, entry.name)  # noqa: PTH118
                key = (name.split("/", 1)[0], place)
                if place in above or key in seen:
                    again = "is above it" if place in above else "was already read"
                    tree.unused.append(Unused(f"{name}/", "link", f"a link to a folder that {again}"))
                    continue
                seen.add(key)
                if linked:
                    _count_link(tree, place, real_root)
                child = Folder(Path(entry.path), name)
                folder.folders.append(child)
                below.append((child, place, linked))
        # Folders before links, so that a file keeps its own name where both lead to it.
        stack += [(child, place) for child, place, _ in sorted(below, key=lambda one: not one[2])]
    _drop(tree, gone)
    return tree.count()


def _refused(entry: os.DirEntry[str], follow_links: bool) -> tuple[str, str] | None:
    """Return kind and reason of what is neither a file nor a folder, or may not be followed."""
    if not follow_links and entry.is_symlink():
        return "link", "a link (--no-follow-links)"
    try:
        if entry.is_file() or entry.is_dir():
            return None
    except OSError as error:
        if error.errno != errno.ELOOP:
            return "unreadable file", f"cannot be read ({error.strerror})"
        return "link", "a link that leads nowhere"
    if entry.is_symlink() and not Path(entry.path).exists():
        return "link", "a link that leads nowhere"
    return "special file", "a pipe, socket or device, which is never opened"


def _count_link(tree: Tree, target: str, root: str) -> None:
    tree.links += 1
    tree.links_out += not (target == root or target.startswith(root.rstrip(os.sep) + os.sep))


def _own_output(folder: Path, names: set[str]) -> str | None:
    """Return what handshape wrote a folder as, if it did."""
    if "model.json" in names and {"index.html", "model.onnx"} <= names:
        return "a page that handshape exported"
    if ".writable" in names and any(
        name in ("features", "images") or name.endswith(".lance") for name in names
    ):
        return "handshape's cache"
    if "config.json" not in names:
        return None
    try:
        path = folder / "config.json"
        if path.stat().st_size > _LARGEST_CONFIG or not path.is_file():
            return None
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    keys = found.keys() if isinstance(found, dict) else set()
    if {"command", "settings"} <= keys:
        return f"a run of handshape {found['command']}"
    return "a recogniser of handshape" if {"format_version", "labels", "network"} <= keys else None


def _drop(tree: Tree, gone: set[str]) -> None:
    """Take out folders that could not be read, and those of handshape's own output only, such as ``runs``."""
    own = {one.name.rstrip("/") for one in tree.unused if one.kind == OWN}
    for folder in reversed(list(tree.top.below())) if own or gone else ():
        kept = [one for one in folder.folders if one.name not in own | gone]
        had_own = any(one.name in own for one in folder.folders)
        if had_own and not kept and not folder.files and folder is not tree.top:
            own.add(folder.name)
        folder.folders = kept

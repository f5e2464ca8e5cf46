"""Bundles on a model hub: download with limits, and upload of exactly what a bundle is.

A stranger's repository may hold anything. Only the four files below are ever asked for, none above its size,
and reading them executes nothing.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handshape.errors import BundleError, HandshapeError, HubError, MissingExtraError, UsageError
from handshape.progress import say

PREFIX = "hub:"
# Largest size of each file of a bundle, bytes. The largest backbone that torchvision has takes 2.6 GB.
LIMITS = {
    "config.json": 4 * 1024**2,
    "README.md": 1024**2,
    "model.safetensors": 3 * 1024**3,
    "model.onnx": 3 * 1024**3,
}
_NEEDED = ("config.json", "model.safetensors")
_NAME = re.compile(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@([\w./-]+))?", re.ASCII)


@dataclass(frozen=True)
class Published:
    """What an upload did.

    Args:
        url: Page of the repository.
        revision: Commit that holds the bundle.
        private: Whether only its owner sees it.
    """

    url: str
    revision: str
    private: bool


def fetch_bundle(name: str) -> Path:
    """Download a bundle, or find it where an earlier download put it.

    Args:
        name: ``hub:owner/name``, or ``hub:owner/name@revision`` for a branch, tag or commit.

    Returns:
        A folder with the bundle's files and no other.

    Raises:
        UsageError: ``name`` is no such name.
        BundleError: The repository holds no bundle, or a file of it is too large.
        HubError: There is no such repository, or the hub cannot be reached and nothing was downloaded before.
        MissingExtraError: huggingface-hub is not installed.
    """
    repository, revision = split_name(name.removeprefix(PREFIX))
    library = _library()
    with _speaking(library, repository):
        try:
            info = _api(library).model_info(repository, revision=revision, files_metadata=True)
        except library.errors.HfHubHTTPError:
            raise
        except Exception as error:  # each version of the library has its own way to say that nobody answers
            return _downloaded_before(library, repository, revision, error)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or () if file.rfilename in LIMITS}
        _check(repository, sizes)
        # Asked for by the name of its branch once, so that this commit is found when the hub is out of reach.
        for version in (revision, info.sha):
            for file in _NEEDED[:1] if version is revision else sizes:
                place = library.hf_hub_download(repository, file, revision=version, endpoint=_endpoint())
    return Path(place).parent


def publish(repository: str, files: Mapping[str, Path], *, public: bool) -> Published:
    """Upload the files of a bundle in one commit.

    Args:
        repository: ``owner/name``; made when there is none, for its owner's eyes only unless ``public``.
        files: Where each file is, by the name it gets.
        public: Whether everyone may see it.

    Returns:
        Where it is now.

    Raises:
        UsageError: ``repository`` is no such name, or is seen by everyone although ``public`` was not said.
        HubError: Nobody is signed in, the hub refuses, or it cannot be reached.
        MissingExtraError: huggingface-hub is not installed.
    """
    if split_name(repository)[1] is not None:
        raise UsageError(f"repository {repository!r}", "owner/name without a revision", "leave out the @")
    library = _library()
    if library.get_token() is None:
        raise HubError("nobody is signed in to the hub", "a token", "run `hf auth login`, or set HF_TOKEN")
    with _speaking(library, repository):
        api = _api(library)
        try:
            private = bool(api.model_info(repository).private)
        except library.errors.RepositoryNotFoundError:
            private = not public
            api.create_repo(repository, private=private)
        if not (private or public):
            raise UsageError(
                f"everyone can see {repository!r}",
                "a private repository, unless you say --public",
                "add --public, or take another name",
            )
        additions = [library.CommitOperationAdd(name, str(path)) for name, path in files.items()]
        commit = api.create_commit(repository, additions, commit_message="Upload a handshape recogniser")
    return Published(f"{api.endpoint}/{repository}", commit.oid, private)


def split_name(name: str) -> tuple[str, str | None]:
    """Take ``owner/name@revision`` apart.

    Raises:
        UsageError: It is no such name.
    """
    match = _NAME.fullmatch(name)
    if match is None or ".." in name or "--" in name:
        raise UsageError(f"repository {name!r}", "owner/name or owner/name@revision", "correct it")
    return match[1], match[2]


def _check(repository: str, sizes: Mapping[str, int]) -> None:
    for file in _NEEDED:
        if file not in sizes:
            raise BundleError(
                f"no {file} in {repository!r} on the hub",
                f"a repository with {' and '.join(_NEEDED)}",
                "check the name",
            )
    for file, size in sizes.items():
        if size > LIMITS[file]:
            raise BundleError(
                f"{file} in {repository!r} on the hub has {size:,} bytes",
                f"at most {LIMITS[file]:,}",
                "do not use this bundle",
            )


def _downloaded_before(library: Any, repository: str, revision: str | None, error: Exception) -> Path:
    """Return the folder of an earlier download of what the branch, tag or commit was then."""
    found = [
        library.try_to_load_from_cache(repository, file, revision=revision or "main") for file in _NEEDED
    ]
    if not all(isinstance(place, str) for place in found):
        raise error
    _check(repository, {Path(place).name: Path(place).stat().st_size for place in found})
    say(f"The hub cannot be reached: {repository} is taken as it was downloaded before.")
    return Path(found[0]).parent


def _library() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError as error:
        raise MissingExtraError(
            "bundles on a hub need huggingface-hub", "it installed", "pip install 'handshape[hub]'"
        ) from error
    return huggingface_hub


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


def _api(library: Any) -> Any:
    return library.HfApi(endpoint=_endpoint(), library_name="handshape")


@contextmanager
def _speaking(library: Any, repository: str) -> Iterator[None]:
    """Turn what the library raises into one line, without a token in it, and show its bars to people only."""
    quiet = not sys.stderr.isatty() and not library.utils.are_progress_bars_disabled()
    if quiet:
        library.utils.disable_progress_bars()
    try:
        yield
    except HandshapeError:
        raise
    except library.errors.RepositoryNotFoundError as error:
        raise HubError(
            f"no repository {repository!r} on the hub, or it is private",
            "one that you may see",
            "check the name, or sign in with `hf auth login`",
        ) from error
    except library.errors.RevisionNotFoundError as error:
        raise HubError(
            f"{repository!r} on the hub has no such revision",
            "a branch, tag or commit",
            "check what follows @",
        ) from error
    except library.errors.HfHubHTTPError as error:
        status = getattr(getattr(error, "response", None), "status_code", "no status")
        raise HubError(
            f"the hub refused {repository!r} ({status})",
            "a token that may read or write it",
            "check `hf auth whoami` and the owner's name",
        ) from error
    except Exception as error:
        raise HubError(
            f"the hub cannot be reached for {repository!r} ({type(error).__name__})",
            "a connection to it",
            "check the network, or copy the bundle's folder by hand",
        ) from error
    finally:
        if quiet:
            library.utils.enable_progress_bars()

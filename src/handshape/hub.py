"""Bundles on the Hugging Face hub: download and upload.

A repository may contain anything. Only the files below are downloaded, up to a size limit, and reading
them runs no code.
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
# Largest size of each file of a bundle in bytes. The largest backbone of torchvision has 2.6 GB.
_LARGE = ("model.safetensors", "palm.onnx", "hand.onnx", "image.onnx", "head.onnx", "model.onnx")
FILE_LIMITS = {"config.json": 1024**2, "README.md": 1024**2} | dict.fromkeys(_LARGE, 3 * 1024**3)
_NEEDED = ("config.json", "model.safetensors")
_NAME = re.compile(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@([\w./-]+))?", re.ASCII)


@dataclass(frozen=True)
class Published:
    """Result of an upload.

    Args:
        url: Page of the repository.
        revision: Commit with the bundle.
        private: Whether only its owner can see it.
    """

    url: str
    revision: str
    private: bool


def fetch_bundle(name: str) -> Path:
    """Download a bundle, or use an earlier download if the hub cannot be reached.

    Args:
        name: ``hub:owner/name``, or ``hub:owner/name@revision`` for a branch, tag or commit.

    Returns:
        A folder with only the bundle's files.

    Raises:
        UsageError: ``name`` is invalid.
        BundleError: The repository has no bundle, or a file is too large.
        HubError: There is no such repository, or the hub cannot be reached and there is no earlier download.
        MissingExtraError: huggingface-hub is not installed.
    """
    repository, revision = split_name(name.removeprefix(PREFIX))
    library = _library()
    with _explain_errors(library, repository):
        try:
            info = _api(library).model_info(repository, revision=revision, files_metadata=True)
        except library.errors.HfHubHTTPError:
            raise
        except Exception as error:  # versions of the library raise different errors when offline
            return _downloaded_before(library, repository, revision, error)
        files = info.siblings or ()
        sizes = {file.rfilename: file.size or 0 for file in files if file.rfilename in FILE_LIMITS}
        _check(repository, sizes)
        # One request by branch name, so that the download is found again when offline.
        for version in (revision, info.sha):
            for file in _NEEDED[:1] if version is revision else sizes:
                place = library.hf_hub_download(repository, file, revision=version, endpoint=_endpoint())
    return Path(place).parent


def publish(repository: str, files: Mapping[str, Path], *, public: bool) -> Published:
    """Upload the files of a bundle in one commit.

    Args:
        repository: ``owner/name``; a new one is private unless ``public``.
        files: Path of each file, by its name in the repository.
        public: Whether everyone may see it.

    Raises:
        UsageError: ``repository`` is invalid, or public although ``public`` is not set.
        HubError: You are not signed in, or the hub refuses or cannot be reached.
        MissingExtraError: huggingface-hub is not installed.
    """
    if split_name(repository)[1] is not None:
        raise UsageError(f"repository {repository!r}", "owner/name without a revision", "leave out the @")
    library = _library()
    if library.get_token() is None:
        raise HubError("you are not signed in to the hub", "a token", "run `hf auth login`, or set HF_TOKEN")
    with _explain_errors(library, repository):
        api = _api(library)
        try:
            private = bool(api.model_info(repository).private)
        except library.errors.RepositoryNotFoundError:
            private = not public
            api.create_repo(repository, private=private)
        if not (private or public):
            raise UsageError(
                f"everyone can see {repository!r}",
                "a private repository, or --public",
                "add --public, or choose another name",
            )
        additions = [library.CommitOperationAdd(name, str(path)) for name, path in files.items()]
        commit = api.create_commit(repository, additions, commit_message="Upload a handshape recogniser")
    return Published(f"{api.endpoint}/{repository}", commit.oid, private)


def split_name(name: str) -> tuple[str, str | None]:
    """Split ``owner/name@revision``; raises `UsageError` if it is invalid."""
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
        if size > FILE_LIMITS[file]:
            raise BundleError(
                f"{file} in {repository!r} on the hub has {size:,} bytes",
                f"at most {FILE_LIMITS[file]:,}",
                "do not use this bundle",
            )


def _downloaded_before(library: Any, repository: str, revision: str | None, error: Exception) -> Path:
    """Return the folder of an earlier download of this branch, tag or commit."""
    found = [
        library.try_to_load_from_cache(repository, file, revision=revision or "main") for file in _NEEDED
    ]
    if not all(isinstance(place, str) for place in found):
        raise error
    _check(repository, {Path(place).name: Path(place).stat().st_size for place in found})
    say(f"The hub cannot be reached. Using the earlier download of {repository}.")
    return Path(found[0]).parent


def _library() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError as error:
        raise MissingExtraError(
            "huggingface-hub is not installed, which bundles on the hub need",
            "the extra 'hub'",
            "pip install 'handshape[hub]'",
        ) from error
    return huggingface_hub


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


def _api(library: Any) -> Any:
    return library.HfApi(endpoint=_endpoint(), library_name="handshape")


@contextmanager
def _explain_errors(library: Any, repository: str) -> Iterator[None]:
    """Turn the library's errors into a `HubError` without tokens; hide its progress bars in log files."""
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
            "a repository that you can access",
            "check the name, or sign in with `hf auth login`",
        ) from error
    except library.errors.RevisionNotFoundError as error:
        raise HubError(
            f"{repository!r} on the hub has no such revision",
            "a branch, tag or commit",
            "check the part after @",
        ) from error
    except library.errors.HfHubHTTPError as error:
        status = getattr(getattr(error, "response", None), "status_code", "no status")
        raise HubError(
            f"the hub refused {repository!r} ({status})",
            "a token with access to it",
            "check `hf auth whoami` and the owner's name",
        ) from error
    except Exception as error:
        raise HubError(
            f"the hub cannot be reached for {repository!r} ({type(error).__name__})",
            "an internet connection",
            "check the network, or copy the bundle's folder yourself",
        ) from error
    finally:
        if quiet:
            library.utils.enable_progress_bars()

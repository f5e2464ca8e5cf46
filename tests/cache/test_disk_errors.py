import errno
import os
import re

import pytest

from handshape.cache.disk_errors import explain_cache_errors, explain_write_errors
from handshape.errors import DataNotFoundError, OutputError


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left on device"),
        (
            OSError("LanceError(IO): write failed: Disk quota exceeded (os error 122), x.rs:1"),
            "Disk quota exceeded",
        ),
        (OSError("of several\n lines"), "of several lines"),
        (OSError(), "OSError"),
    ],
)
def test_explain_write_errors__says_why(error: OSError, reason: str) -> None:
    message = f"cannot write the run to 'a' ({reason})"
    refused = pytest.raises(OutputError, match=re.escape(message))
    with refused, explain_write_errors("the run to 'a'", "choose another --out"):
        raise error


def test_explain_write_errors__what_libraries_raise() -> None:
    with pytest.raises(OutputError, match="disk full"), explain_write_errors("a", "b", RuntimeError):
        raise RuntimeError("disk full")
    with pytest.raises(RuntimeError, match="another matter"), explain_write_errors("a", "b"):
        raise RuntimeError("another matter")


def test_explain_write_errors__keeps_what_another_error_says() -> None:
    with pytest.raises(DataNotFoundError, match="no photo"), explain_cache_errors("a"):
        raise DataNotFoundError("no photo", "a photo", "look for it")


def test_explain_cache_errors__says_what_to_do() -> None:
    with pytest.raises(OutputError, match="--cache"), explain_cache_errors("a"):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

import re
from pathlib import Path

import platformdirs
import pytest

from handshape.cache.location import open_cache
from handshape.errors import OutputError


def test_open_cache__makes_the_folder(tmp_path: Path) -> None:
    place = tmp_path / "a" / "my störe"
    assert open_cache(place) == place
    assert place.is_dir()
    assert open_cache(place) == place  # a second time


def test_open_cache__the_user_s_cache_by_default() -> None:
    place = open_cache()
    assert place == platformdirs.user_cache_path("handshape")
    assert place.is_dir()


def test_open_cache__knows_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert open_cache(Path("~/cache")) == tmp_path / "cache"


@pytest.mark.parametrize(("below", "reason"), [("", "File exists"), ("deeper", "Not a directory")])
def test_open_cache__a_file_is_in_the_way(tmp_path: Path, below: str, reason: str) -> None:
    (tmp_path / "file").write_text("dear")
    place = tmp_path / "file" / below
    message = f"cannot write to the cache at '{place}' ({reason})"
    with pytest.raises(OutputError, match=re.escape(message)):
        open_cache(place)


def test_open_cache__no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)  # root may write anywhere
    with pytest.raises(OutputError, match=r"cache at .* \(Permission denied\)"):
        open_cache(tmp_path)

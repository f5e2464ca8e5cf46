from collections.abc import Callable
from pathlib import Path
from typing import Any

from handshape.commands.shared import index_photos, report_data
from handshape.config.data import DataConfig
from handshape.data.data_report import DataReport


def data_report(data: Path, cache_dir: Path, **settings: Any) -> DataReport:
    config = DataConfig(data=data, cache=cache_dir, **settings)
    return report_data(config, index_photos(config, size=32)[1])


def test_index_photos__says_what_was_left_out(
    cli: Any, make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    photos = make_photos("AB", signers=2, images=3)
    (photos / "A" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    answer = cli("inspect", photos, "--cache", tmp_path / "cache", "--out", tmp_path / "run", "--json")
    assert answer.code == 0
    assert "Not used (unreadable): 1 file, starting with A/broken.jpg: " in answer.err


def test_digest__stands_for_content_labels_signers_and_sides(
    make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    photos, cache_dir = make_photos("AB", signers=3, images=2), tmp_path / "cache"
    first = data_report(photos, cache_dir).digest
    assert data_report(photos, cache_dir).digest == first
    others = [
        data_report(photos, cache_dir, seed=1).digest,
        data_report(photos, cache_dir, signer=r"signer(\d)").digest,
        data_report(make_photos("ABC", signers=3, images=2, name="more"), cache_dir).digest,
    ]
    (photos / "A").rename(photos / "C")
    others.append(data_report(photos, cache_dir).digest)
    assert len({first, *others}) == 5


def test_digest__does_not_depend_on_where_the_photos_are(
    make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    one, other = (data_report(make_photos("AB", name=name), tmp_path / "cache") for name in ("one", "other"))
    assert one.digest == other.digest

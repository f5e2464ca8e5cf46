import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from handshape.errors import OutputError
from handshape.export.web import new_folder
from handshape.synthetic.picture import draw_image
from handshape.synthetic.signer import make_signer

from ..programs import chromium_page, serve_folder

CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@pytest.fixture
def page_folder(cli: Any, exported: Path, tmp_path: Path, web_runtime: Path) -> Path:
    out = tmp_path / "page"
    told = cli("export", exported, "--format", "web", "--out", out, "--runtime", web_runtime, "--json").json
    assert told["file"] == str(out) and told["parity"]["largest"] < 1e-4
    assert told["bytes"] == sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return out


@pytest.mark.slow
def test_write_page__reads_camera_and_photos_in_the_browser(page_folder: Path, tmp_path: Path) -> None:
    about = json.loads((page_folder / "model.json").read_text(encoding="utf-8"))
    assert about["labels"] == ["A", "B", "C"] and about["threshold"] == 0.2
    photo = tmp_path / "photo.png"
    Image.fromarray(draw_image("A", make_signer(1, 0), size=160).pixels).save(photo)
    asked = list[str]()
    with serve_folder(page_folder) as address, chromium_page(*CAMERA) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{address}/index.html")
        page.locator('#view-live .reading:not([data-state="waiting"]) .bars .share').first.wait_for()
        assert page.locator("#privacy").inner_text().endswith("No picture leaves it.")
        assert page.locator("nav a").all_inner_texts() == ["Live", "Spell", "Practise", "Photo", "About"]
        page.goto(f"{address}/index.html#photo")
        page.set_input_files("#choose", str(photo))
        page.locator("#photos .bars .share").first.wait_for()
        shares = page.locator("#photos .bars .share").all_inner_texts()
        assert len(shares) == 3 and all(share.endswith("%") for share in shares)
        page.set_input_files("#choose", {"name": "no.png", "mimeType": "image/png", "buffer": b"no photo"})
        page.get_by_text("The browser cannot open this photo").wait_for()
        page.goto(f"{address}/index.html#teach")  # there is no such view here
        page.locator("#view-live").wait_for()
    assert all(url.startswith((address, "blob:")) for url in asked)


@pytest.mark.slow
def test_write_page__a_later_export_takes_the_place_of_an_earlier_one(
    cli: Any, exported: Path, page_folder: Path, web_runtime: Path
) -> None:
    (page_folder / "js" / "app.js").write_text("of an earlier version")
    words = ("export", exported, "--format", "web", "--out", page_folder, "--runtime", web_runtime)
    assert cli(*words).code == 0
    assert "earlier" not in (page_folder / "js" / "app.js").read_text(encoding="utf-8")
    assert [path.name for path in page_folder.parent.iterdir() if path.name.startswith(".")] == []


def test_new_folder__appears_whole(tmp_path: Path) -> None:
    out = tmp_path / "new" / "page"
    with new_folder(out) as folder:
        (folder / "index.html").write_text("whole")
        assert not out.exists()
    assert (out / "index.html").read_text() == "whole" and [path.name for path in out.parent.iterdir()] == [
        "page"
    ]


def test_new_folder__holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with (
        pytest.raises(
            OutputError,
            match=r"'.*' contains something other than an exported page",
        ),
        new_folder(tmp_path),
    ):
        pass
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_new_folder__a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match=r"cannot write '.*page' \(.*\)"),
        new_folder(tmp_path / "file" / "page"),
    ):
        pass

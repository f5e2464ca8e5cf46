"""The page in Firefox, from the server and from a static folder."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from handshape.recogniser import load

from ..firefox import firefox
from ..programs import serve_folder
from ..serve.browser import served
from .test_web_teach import hand

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("way", ["exported", "served"])
def test_firefox__camera_photo_and_teach(web_runtime: Path, way: str, tmp_path: Path) -> None:
    from handshape.commands.export import export
    from handshape.config.export import ExportConfig

    photo = tmp_path / "photo.png"
    hand("B", 7, 3).save(photo)
    expected = load("asl").predict(photo)
    with ExitStack() as stack:
        if way == "served":
            address = stack.enter_context(served(tmp_path, "asl", "--cache", str(tmp_path / "cache"))).url
        else:
            folder = tmp_path / "page"
            export(ExportConfig(bundle=Path("asl"), format="web", out=folder, runtime=web_runtime))
            address = f"{stack.enter_context(serve_folder(folder))}/"
        page = stack.enter_context(firefox(tmp_path / "profile"))
        page.open(address)
        page.wait("document.querySelector('#video').videoWidth")
        page.wait("document.querySelector('#view-live .verdict').textContent === 'No hand in the box'")
        page.evaluate("location.hash = '#photo'; 0")
        page.choose("#choose", photo)
        page.wait("document.querySelector('#photos .what')")
        assert page.evaluate("document.querySelector('#photos .what').textContent") == expected.label
        share = page.evaluate("parseInt(document.querySelector('#photos .share').textContent)")
        assert abs(share - 100 * expected.probability) < 1
        page.evaluate("location.hash = '#teach'; 0")
        for label, sign in {"hello": "L", "there": "Y"}.items():
            files = [tmp_path / f"{label}_{index}.png" for index in range(4)]
            for index, file in enumerate(files):
                hand(sign, 4, index).save(file)
            page.evaluate(
                f"document.querySelector('#teach-label').value = '{label}';"
                "document.querySelector('#teach-signer').value = 'Ana'; 0"
            )
            page.choose("#teach-drop input[accept]", *files)
            page.wait("document.querySelector('#teach-review .primary')")
            page.evaluate("document.querySelector('#teach-review .primary').click()")
            page.wait("document.querySelector('#teach-note').textContent === ''")
        page.wait("document.querySelectorAll('.thumbnails li').length === 8")
        page.evaluate("document.querySelector('#teach-train').click()")
        page.wait("document.querySelector('#teach-result .in-use')")
        page.open("about:blank")
        page.open(f"{address}#live")  # everything is still there
        page.wait("document.querySelectorAll('#alphabet .photo').length === 2")
        assert page.errors == []

"""Take the pictures of a report that the documentation shows: the run of the quick start, on drawn hands.

    PYTHONPATH=. python tools/shoot_report.py --work report-work

Takes its first screen and its worst mistakes in three sizes, light and dark.
"""

import argparse
import contextlib
import io
import itertools
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright
from tests.serve.browser import CHROMIUM

import handshape

IMAGES = Path(__file__).parent.parent / "docs" / "images"
SIZES = {390: 844, 820: 1180, 1440: 900}


def main() -> None:
    """Draw, compare, take the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for what is drawn, and the run")
    work, run = parser.parse_args().work, Path("runs/first")
    work.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(work):  # the report shows the paths of its command
        if not run.is_dir():
            handshape.draw("photos", labels="A-I", signers=6, images=10, style="outdoor")
            handshape.compare("photos", signer=r"signer(\d+)_", backbone="handnet", out=run)
        report = run.absolute() / "report.html"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for (width, height), scheme in itertools.product(SIZES.items(), ("light", "dark")):
            size = {"width": width, "height": height}
            page = browser.new_page(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
            page.goto(report.as_uri())
            for part, heading in (("report", "header"), ("mistakes", "#mistakes")):
                page.evaluate(f"document.querySelector('{heading}')?.scrollIntoView()")
                picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
                picture.save(IMAGES / f"{part}-{width}-{scheme}.webp", quality=80, method=6)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()

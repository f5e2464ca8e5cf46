import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from tests.conftest import draw_shape
from tests.processes import Starter
from tests.serving import Running

from handshape.synthetic import draw_image, make_signer

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines() if line]


@pytest.fixture
def readers_folder(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What a reader of the README has: photos of a few people, other photos, and AlexNet's weights."""
    for place, people in (("photos", ("anna", "ben", "cleo", "dan")), ("other-photos", ("eve",))):
        for number, label in enumerate("AB"):
            (in_folder / place / label).mkdir(parents=True)
            for signer, name in enumerate(people):
                for index in (1, 2):
                    image = draw_shape(number, signer, index)
                    image.save(in_folder / place / label / f"{name}_{index}.jpg")
    for label in "LY":
        (in_folder / "our-signs" / label).mkdir(parents=True)
        for number, name in enumerate(("anna", "ben"), start=1):
            drawn = draw_image(label, make_signer(number, 1, "right"), seed=1, index=0, size=224)
            Image.fromarray(drawn.pixels).save(in_folder / "our-signs" / label / f"{name}_1.jpg")
    torch.manual_seed(0)
    import torchvision

    weights = torchvision.models.alexnet().features.state_dict(prefix="features.")
    save_file(weights, in_folder / "alexnet-test.safetensors")
    monkeypatch.setenv("HANDSHAPE_WEIGHTS", str(in_folder))
    yield in_folder


def run(words: list[str], folder: Path) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_readme__begins_with_the_commands_of_a_fresh_machine() -> None:
    assert commands()[:2] == ["make demo", 'export PATH="$PWD/.venv/bin:$PATH"']
    assert len(README.splitlines()) < 120
    for target in ("demo", "test", "demo TORCH_BACKEND=cpu"):
        planned = run(["make", "--dry-run", *target.split()], ROOT)
        assert ".venv/bin/" in planned


@pytest.mark.slow
def test_readme__every_command_runs(readers_folder: Path, starter: Starter) -> None:
    tool = Path(sys.executable).with_name("handshape")
    assert run([str(tool), "--version"], readers_folder).startswith("handshape ")
    ours = [line for line in commands() if line.startswith("handshape ")]
    assert [line.split()[1] for line in ours] == [
        "serve",
        "inspect",
        "compare",
        "predict",
        "evaluate",
        "add",
        "export",
    ]
    weights = {"HANDSHAPE_WEIGHTS": str(readers_folder)}
    for _tool, command, *words in map(shlex.split, ours):
        if command == "serve":
            assert Running(starter, weights, *words).end()[0] == 0
        else:
            starter.run(command, *words, place=readers_folder, environment=weights).done()
    for made in ("report.html", "recogniser/model.onnx"):
        assert (readers_folder / "runs/first" / made).is_file()
    (script,) = blocks("python")
    assert "Prediction(" in run([sys.executable, "-c", script], readers_folder)

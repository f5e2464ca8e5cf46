import dataclasses
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import typer
from tests.conftest import draw_shape
from tests.processes import Starter

from handshape.bundle import BundleConfig
from handshape.cache.location import open_cache
from handshape.cli import COMMANDS, GROUPS, app, main
from handshape.config.command_help import COMMAND_HELP, PANELS
from handshape.config.fields import flag_of
from handshape.data.images.decode import Preprocessing
from handshape.models.backbones.registry import load_backbone
from handshape.models.cnn import CNN
from handshape.models.heads import Head, Pool
from handshape.models.network_config import HeadConfig, NetworkConfig
from handshape.models.sign_network import BackboneClassifier, SignNetwork
from handshape.network_bundle import recogniser_of

PYTHON = sys.executable
NOT_FOR_HELP = {"torch", "torchvision", "numpy", "PIL", "lance", "pyarrow", "scipy", "sklearn"}
# What reading a photo has no use for.
HEAVY = {"imagehash", "jinja2", "lance", "matplotlib", "pyarrow", "rich", "scipy", "sklearn", "sympy"}
HEAVY |= {"torch._dynamo", "torchvision"}


def process(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does: in a process of its own."""
    program = "from handshape.cli import main; import sys; sys.argv[0] = 'handshape'; main()"
    return subprocess.run(
        [PYTHON, "-c", program, *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200", **environment},
        timeout=300,
        check=False,
    )


def plain(text: str) -> str:
    """A help text without colours and frames."""
    return re.sub(r"\x1b\[[0-9;]*m|[│╭╮╰╯─]", " ", text)


def loaded(modules: set[str], *commands: list[str]) -> subprocess.CompletedProcess[str]:
    """Run commands one after the other in one process; none of them may import any of some modules."""
    program = (
        "import sys\n"
        "from handshape.cli import app\n"
        f"for words in {list(commands)!r}:\n"
        "    app(words, standalone_mode=False)\n"
        f"    print(words, 'loaded:', sorted({modules!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([PYTHON, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr.splitlines() == [f"{words} loaded: []" for words in commands], done.stderr
    return done


def test_main__help_imports_no_torch() -> None:
    commands = [["--help"], ["--version"]]
    commands += [[*words, "--help"] for words in SETTINGS]
    done = loaded(NOT_FOR_HELP, *commands)
    assert done.stdout.count("Usage: ") == len(commands) - 1


def save_bundle(backbone: str, place: Path) -> None:
    """Save a recogniser that nobody has trained."""
    labels, preprocessing = ("A", "B"), Preprocessing(224)
    config = NetworkConfig("cnn", 2, preprocessing)
    network: SignNetwork = CNN(2)
    if backbone != "cnn":
        frozen = load_backbone(backbone, "untrained")
        channels, *places = shape = frozen.feature_shape
        head = HeadConfig("linear", 2)
        network = BackboneClassifier(frozen, Pool(2, *places), Head(channels * 4, 2, head))
        config = NetworkConfig("frozen", 2, frozen.preprocessing, backbone, shape, head)
    recogniser_of(network, BundleConfig(labels, config), open_cache(None)).save(place, "A card.")


@pytest.mark.slow
def test_main__predict_waits_for_no_torch(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    draw_shape(0, 1, 2).save(photo)
    bundles = ("cnn", "handnet", "squeezenet1_1")
    for backbone in bundles:
        save_bundle(backbone, tmp_path / backbone)
    done = loaded(HEAVY | {"torch"}, *(["predict", str(tmp_path / name), str(photo)] for name in bundles))
    assert [line.split()[0] for line in done.stdout.splitlines()] == [str(photo)] * len(bundles)


def test_main__version() -> None:
    done = process("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"handshape \d+\.\d+\.\d+ \(Python [\d.]+, torch \S+, .*\)\n", done.stdout)


SETTINGS: dict[tuple[str, ...], type] = {(name,): settings for name, settings in COMMANDS.items()} | {
    (group, name): settings for group, (_, names) in GROUPS.items() for name, settings in names.items()
}


@pytest.mark.parametrize("words", SETTINGS, ids=" ".join)
def test_commands__help_names_every_setting_with_its_text(
    cli: Any, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("TERMINAL_WIDTH", "300")
    answer = cli(*words, "--help-all")
    shown = " ".join(plain(answer.out).split())
    assert answer.code == 0
    for field in dataclasses.fields(SETTINGS[words]):
        word = field.name.upper() if field.metadata.get("positional") else f"--{field.name.replace('_', '-')}"
        assert word in shown
        assert " ".join(field.metadata["help"].split())[:40] in shown
    assert "--json" in shown and "--debug" in shown


@pytest.mark.parametrize("words", SETTINGS, ids=" ".join)
def test_commands__help_is_short_and_ends_with_two_examples(cli: Any, words: tuple[str, ...]) -> None:
    short = cli(*words, "--help").out
    first = (inspect.getdoc(SETTINGS[words]) or "").splitlines()[0]
    assert len(first) <= 45 and first in short
    arranged = COMMAND_HELP[" ".join(words)]
    fields = dataclasses.fields(SETTINGS[words])
    names = [field.name for field in fields if not field.metadata.get("positional")]
    assert all(flag_of(name) in short for name in names)  # named, if not explained
    assert set(arranged.main) <= set(names)
    command: Any = typer.main.get_command(app)
    for line, _ in arranged.examples:
        program, *rest = shlex.split(line)
        assert program == "handshape" and rest[: len(words)] == list(words) and line in short
        found = command
        for word in words:
            found = found.commands[word]
        found.make_context(" ".join(words), rest[len(words) :])  # an unknown option would be an error
    if len(names) > 14:
        in_panels = [name for panel in PANELS.values() for name in panel]
        positional = {
            one.name for one in dataclasses.fields(SETTINGS[words]) if one.metadata.get("positional")
        }
        assert len(arranged.main) == 5 and set(names) - positional <= set(in_panels)
        assert len(in_panels) == len(set(in_panels))


def test_train__help_fits_two_screens(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert len(cli("train", "--help").out.splitlines()) <= 2 * 24 + 2
    assert "Training options:" in cli("train", "--help-all").out


def test_completion__of_the_shell() -> None:
    script = process(_HANDSHAPE_COMPLETE="source_bash")
    assert script.returncode == 0 and "complete" in script.stdout and "handshape" in script.stdout


def test_commands__flags_have_no_opposite(cli: Any) -> None:
    options = set(re.findall(r"--[a-z-]+", plain(cli("compare", "--help-all").out)))
    assert not {f"--no-{option[2:]}" for option in options} & options


def test_commands__each_has_its_function_and_its_view() -> None:
    import importlib

    terminal = importlib.import_module("handshape.terminal")
    for name, settings in COMMANDS.items():
        function = getattr(importlib.import_module(f"handshape.commands.{name}"), name)
        assert get_type_hints(function)["config"] is settings
        assert callable(getattr(terminal, f"show_{name}"))
    for group, (_, commands) in GROUPS.items():
        assert callable(getattr(terminal, f"show_{group}"))
        for name, settings in commands.items():
            function = getattr(importlib.import_module(f"handshape.commands.{group}"), name)
            assert get_type_hints(function)["config"] is settings


def test_main__no_words_shows_the_commands(cli: Any) -> None:
    answer = cli()
    assert all(name in plain(answer.out + answer.err) for name in COMMANDS)


@pytest.mark.parametrize(
    "words",
    [
        ["dance"],
        ["compare"],
        ["compare", "photos", "--nonsense"],
        ["compare", "photos", "--epochs", "many"],
        ["compare", "photos", "--split", "fair"],
        ["train", "photos", "--model", "resnet"],
        ["compare", "photos", "--models", "resnet"],
        ["compare", "photos", "--epochs", "0"],
        ["inspect", "photos", "--device", "tpu"],
        ["study", "dance"],
        ["study", "chirality"],
    ],
)
def test_main__wrong_usage_is_2(cli: Any, words: list[str]) -> None:
    answer = cli(*words)
    assert answer.code == 2 and answer.out == "" and answer.err


def test_main__a_failure_is_1_and_one_line(cli: Any, tmp_path: Path) -> None:
    answer = cli("inspect", tmp_path / "nothing", "--json")
    assert answer.code == 1 and answer.out == ""
    assert answer.err == (
        f"handshape inspect: no folder or table at '{tmp_path / 'nothing'}'; expected a folder of label "
        "folders, an archive or a table; check the path\n"
    )


def test_main__debug_adds_the_traceback(cli: Any, tmp_path: Path) -> None:
    answer = cli("inspect", tmp_path / "nothing", "--debug")
    assert answer.code == 1
    lines = answer.err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1].startswith("handshape inspect: no folder or table at")


def test_main__an_error_of_the_program_itself_is_not_hidden(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(config: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr("handshape.commands.inspect.inspect", broken)
    with pytest.raises(ZeroDivisionError, match="a fault of ours"):
        cli("inspect", tmp_path)


def test_main__is_the_console_script() -> None:
    from importlib.metadata import entry_points

    (script,) = (point for point in entry_points(group="console_scripts") if point.name == "handshape")
    assert script.load() is main


def test_process__inspect_prints_one_json_object(make_photos: Callable[..., Path], tmp_path: Path) -> None:
    words = ("--json", "--cache", tmp_path / "cache", "--out", tmp_path / "run")
    done = process("inspect", make_photos("AB", signers=3, images=2), *words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["images"] == 12
    assert "Reading photos: 12/12" in done.stderr and "UserWarning" not in done.stderr


@pytest.mark.slow
def test_process__train_predict_and_evaluate(
    starter: Starter, make_photos: Callable[..., Path], tmp_path: Path
) -> None:
    photos, run = make_photos("AB", signers=3, images=2), tmp_path / "run"
    words = (photos, "--backbone", "squeezenet1_1", "--weights", "untrained", "--model", "frozen")
    signer, cache_dir = (
        ("--signer", r"signer(\d)"),
        ("--device", "cpu", "--cache", tmp_path / "cache", "--json"),
    )
    done = starter.run("train", *words, *signer, *cache_dir, "--out", run).done()
    assert done.json["models"]["frozen"]["parameters"]["trained"] > 0
    photo = photos / "A" / "signer1_0.png"
    alone = process("predict", run, photo, "--json")
    assert (alone.returncode, alone.stderr) == (0, "")
    assert json.loads(alone.stdout)[0]["path"] == str(photo)
    assert starter.run("evaluate", run, photos, "--include-known", *cache_dir).done().json["n"] == 12

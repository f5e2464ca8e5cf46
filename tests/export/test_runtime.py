import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from handshape.errors import BundleError, ExportError, MissingExtraError, ShapeError
from handshape.export.runtime import Runtime, has_export
from handshape.recogniser import load

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


def photos() -> list[Pixels]:
    rng = np.random.default_rng(0)
    sizes = [(50, 60), (32, 32), (50, 60), (7, 300), *[(40, 40)] * 40]
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]


def test_probabilities__those_of_torch_in_order(exported: Path) -> None:
    runtime = Runtime.of_bundle(exported, threads=1)
    found = runtime.probabilities(iter(photos()))
    assert found.dtype == np.float32 and found.shape == (44, 3)
    assert np.abs(found - load(exported).probabilities(photos())).max() < 1e-5
    assert np.allclose(found.sum(axis=1), 1, atol=1e-6)
    assert runtime.probabilities([]).shape == (0, 3)


def test_probabilities__arrays_that_run_backwards_and_cannot_be_written(exported: Path) -> None:
    runtime, pixels = Runtime(exported / "model.onnx"), photos()[0]
    frozen = pixels.copy()
    frozen.flags.writeable = False
    rows = runtime.probabilities([pixels[:, ::-1], np.ascontiguousarray(pixels[:, ::-1]), frozen, pixels])
    assert np.allclose(rows[0], rows[1], atol=1e-6) and np.allclose(rows[2], rows[3], atol=1e-6)


@pytest.mark.parametrize(
    "pixels, text",
    [
        (
            np.zeros((8, 8), np.uint8),
            r"shape \(8, 8\) and type uint8",
        ),
        (np.zeros((8, 8, 4), np.uint8), r"shape \(8, 8, 4\)"),
        (np.zeros((8, 8, 3), np.float32), "type float32"),
        (np.zeros((0, 8, 3), np.uint8), r"shape \(0, 8, 3\)"),
    ],
)
def test_probabilities__refuses_other_arrays(exported: Path, pixels: Any, text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        Runtime(exported / "model.onnx").probabilities([pixels])


def test_runtime__knows_what_it_is(exported: Path) -> None:
    runtime = Runtime.of_bundle(exported)
    assert runtime.labels == ("A", "B", "C")
    known = runtime.metadata
    assert (known.threshold, known.size, known.precision, known.opset) == (0.2, 32, "fp32", 18)


def test_of_bundle__the_run_that_holds_it(exported: Path, tmp_path: Path) -> None:
    shutil.copytree(exported, tmp_path / "run" / "recogniser")
    assert Runtime.of_bundle(tmp_path / "run").labels == ("A", "B", "C")
    assert has_export(tmp_path / "run") and has_export(exported) and not has_export(tmp_path)


@pytest.mark.parametrize("changed", ["config.json", "model.safetensors"])
def test_of_bundle__the_bundle_has_changed_since(exported: Path, tmp_path: Path, changed: str) -> None:
    shutil.copytree(exported, tmp_path / "bundle")
    with (tmp_path / "bundle" / changed).open("ab") as file:
        file.write(b" ")
    with pytest.raises(
        ExportError,
        match=r"model.onnx' was exported before the bundle changed",
    ):
        Runtime.of_bundle(tmp_path / "bundle")


def test_of_bundle__no_bundle(exported: Path, tmp_path: Path) -> None:
    shutil.copy(exported / "model.onnx", tmp_path)
    with pytest.raises(BundleError, match="cannot read"):
        Runtime.of_bundle(tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"not a model"])
def test_runtime__no_model(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(
        ExportError,
        match=r"cannot open '.*model.onnx' \(.*\)",
    ):
        Runtime(tmp_path / "model.onnx")


def test_runtime__another_program_s_model(exported: Path, tmp_path: Path) -> None:
    model = onnx.load(exported / "model.onnx")
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "model.onnx")
    with pytest.raises(ExportError, match="was not exported by handshape, or is damaged"):
        Runtime(tmp_path / "model.onnx")


def test_runtime__onnx_runtime_is_not_installed(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        MissingExtraError,
        match=r"ONNX Runtime is not installed",
    ):
        Runtime(exported / "model.onnx")


def test_runtime__imports_no_torch(exported: Path) -> None:
    code = (
        "import sys, numpy as np; from handshape.export.runtime import Runtime; "
        f"r = Runtime.of_bundle({str(exported)!r}); r.probabilities([np.zeros((9, 9, 3), np.uint8)]); "
        "print('torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"

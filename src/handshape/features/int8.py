"""A backbone in 8-bit integers: several times faster on processors that can, a little less exact."""

import io
import logging
import warnings
from contextlib import redirect_stdout
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from threading import local
from typing import Any
from uuid import uuid4

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handshape.cache.workbench import hold_workbench, workbench_of
from handshape.cache.writing import writing_to_store
from handshape.errors import BackboneError, MissingExtraError
from handshape.models.backbones.registry import Backbone
from handshape.progress import say
from handshape.synthetic.picture import draw_image
from handshape.synthetic.poses import letters
from handshape.synthetic.scene import Style
from handshape.synthetic.signer import make_signer

# Drawn hands whose activations set the ranges of the integers: a third of each style.
_DRAWN = 120
# Mean error of a quantised network's features, as a share of their mean, beyond which it is broken: 0.01 for
# AlexNet, 0.13 for handnet and 0.18 for SqueezeNet.
_WORST = 0.5
_STYLES: tuple[Style, ...] = ("studio", "room", "outdoor")


class Int8Backbone:
    """A backbone quantised once and kept in the store.

    Ranges are set on drawn hands, so that they have seen no photo: the features of a photo do not depend on
    which others are in the folder, and no test photo has helped to make them.

    Args:
        backbone: In evaluation mode, on the CPU.
        store: The store's folder.

    Raises:
        MissingExtraError: OpenVINO is not installed, or NNCF where the backbone is still to be quantised.
        BackboneError: The quantised backbone gives other features than the backbone.

    Source: B. Jacob and others, Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference (arXiv 1712.05877), as in NNCF's post-training quantisation.
    """

    def __init__(self, backbone: Backbone, store: Path) -> None:
        _require("openvino")
        self._path = store / "int8" / f"{backbone.name}-{_name(backbone)}.xml"
        if not self._path.is_file():
            _quantise(backbone, self._path)
        self._of_thread = local()
        self._check(backbone)

    def _check(self, backbone: Backbone) -> None:
        images = torch.from_numpy(np.concatenate([_normalised(backbone, number) for number in range(4)]))
        with torch.inference_mode():
            exact = backbone(images)
            error = float((self(images) - exact).abs().mean() / exact.abs().mean())
        if not error < _WORST:
            raise BackboneError(
                f"{backbone.name} in 8-bit integers gives features that are {100 * error:.0f} % off here",
                f"less than {100 * _WORST:.0f} %",
                "leave out --precision int8",
            )

    @cached_property
    def digest(self) -> str:
        """Stands for every number in the quantised network."""
        return blake2b(self._path.with_suffix(".bin").read_bytes(), digest_size=16).hexdigest()

    def __call__(self, images: Tensor) -> Tensor:
        """Return features, from any thread.

        Args:
            images: (N, 3, H, W) float32, RGB, normalised.

        Returns:
            (N, C, h, w) float32.
        """
        if not hasattr(self._of_thread, "request"):
            # Compiled for each thread: two streams of one compiled network gave wrong features of SqueezeNet
            # (OpenVINO 2026.4, relative error 2.1 instead of 0.18).
            self._of_thread.request = _compile(self._path).create_infer_request()
        found = self._of_thread.request.infer([images.contiguous().numpy()])[0]
        return torch.from_numpy(np.array(found))


def _name(backbone: Backbone) -> str:
    import openvino

    described = (backbone.digest, backbone.preprocessing, _DRAWN, openvino.__version__)
    return blake2b(repr(described).encode(), digest_size=6).hexdigest()


def _compile(path: Path) -> Any:
    import openvino

    # Between the layers that are quantised, numbers are float32. No thread is tied to a core: networks of
    # different threads would all be tied to the first, and take turns on it.
    options = {
        "NUM_STREAMS": "1",
        "INFERENCE_NUM_THREADS": "1",
        "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": "NO",
    }
    return openvino.Core().compile_model(str(path), "CPU", options)


def _quantise(backbone: Backbone, path: Path) -> None:
    _require("nncf")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import nncf
        import openvino

    say(f"Quantising {backbone.name} on {_DRAWN} drawn hands (once)")
    nncf.set_log_level(logging.ERROR)
    size = backbone.preprocessing.size
    drawn = [_normalised(backbone, number) for number in range(_DRAWN)]
    # Both libraries speak on standard output, which belongs to the command.
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        plain = openvino.convert_model(backbone, example_input=torch.zeros(1, 3, size, size))
        plain.reshape([-1, 3, size, size])
        quantised = nncf.quantize(plain, nncf.Dataset(drawn), subset_size=_DRAWN)
    bench = workbench_of(path.with_suffix(f".{uuid4().hex[:12]}"))
    with writing_to_store("the quantised backbone"), hold_workbench(bench):
        openvino.save_model(quantised, str(bench / path.name), compress_to_fp16=False)
        # The description last, for its being there says that the numbers are.
        for suffix in (".bin", ".xml"):
            (bench / path.name).with_suffix(suffix).replace(path.with_suffix(suffix))


def _normalised(backbone: Backbone, number: int) -> NDArray[np.float32]:
    labels, style = sorted(letters()), _STYLES[number % len(_STYLES)]
    label, size = labels[number % len(labels)], backbone.preprocessing.size
    drawn = draw_image(label, make_signer(number), size=size, style=style)
    batch = torch.from_numpy(drawn.pixels.copy())[None]
    array: NDArray[np.float32] = backbone.preprocessing.normalise(batch).contiguous().numpy()
    return array


def _require(name: str) -> None:
    from importlib.util import find_spec

    if find_spec(name) is None:
        raise MissingExtraError(
            f"--precision int8 needs {name}, which is not installed",
            "the extra `int8`",
            "run `pip install 'handshape[int8]'`",
        )

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from handshape.errors import WeightsError
from handshape.models.backbones import handnet
from handshape.models.backbones.bundled_weights import Packaged, file_digest


def test_packaged__the_file_of_this_version_as_float32() -> None:
    weights = handnet.HANDNET_WEIGHTS
    assert file_digest(weights.file) == weights.digest
    state = weights.read()
    assert state and all(
        tensor.dtype == torch.float32 and tensor.isfinite().all() for tensor in state.values()
    )


@pytest.mark.parametrize("content", [b"other bytes", None])
def test_packaged__another_file(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "handnet.safetensors"
    if content is not None:
        path.write_bytes(content)
    found = "[0-9a-f]{32}" if content is not None else "no file"
    text = rf"the weights of handnet in '{re.escape(str(path))}' are not those of this version "
    text += rf"\(digest {found}\); expected digest 0123; install handshape again"
    with pytest.raises(WeightsError, match=f"^{text}$"):
        Packaged(path, "0123").read()


def test_packaged__half_precision_is_read_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "some.safetensors"
    save_file({"a": torch.tensor([0.1, -2.0]).half()}, path)
    assert Packaged(path, file_digest(path)).read()["a"].tolist() == torch.tensor([0.1, -2.0]).half().tolist()

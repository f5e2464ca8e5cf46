from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.conftest import fitter, sides_of

from handshape.data.images.index import ImageIndex
from handshape.data.images.prepared import read_batch
from handshape.models.backbones.registry import Backbone


def normalised(scan: ImageIndex, network: Any, preprocessing: Any, indices: Any) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = network(
            preprocessing.normalise(torch.from_numpy(read_batch(scan.images, indices)))
        )
    return logits


@pytest.mark.parametrize(
    "model, options",
    [
        ("cnn", {}),
        ("frozen", {"head": "lda", "pool": 2}),
        ("frozen", {"head": "lda", "pool": 0}),
        ("frozen", {"head": "linear", "pool": 2}),
        ("frozen", {"head": "mlp", "pool": 1}),
        ("frozen", {"head": "mlp", "pool": 2, "views": 1}),
    ],
)
def test_fit__its_logits_are_those_of_its_network(
    scan: ImageIndex, tmp_path: Path, backbone: Backbone, model: Any, options: dict[str, Any]
) -> None:
    sides = sides_of(scan)
    fitted = fitter(scan, tmp_path / "cache", backbone, **options).fit(model, sides)
    assert fitted.name == model and not fitted.network.training
    again = normalised(scan, fitted.network, fitted.config.preprocessing, sides["test"])
    assert fitted.logits["test"].shape == (6, 3)
    own, through = (torch.softmax(logits, dim=1) for logits in (again, fitted.logits["test"]))
    assert torch.allclose(own, through, atol=1e-4)
    classes = scan.dataset.classes[sides["valid"]]
    assert fitted.valid_accuracy == (fitted.logits["valid"].argmax(dim=1).numpy() == classes).mean()


def test_fit__mirrored_logits_are_of_the_mirrored_test_photos(
    scan: ImageIndex, tmp_path: Path, backbone: Backbone
) -> None:
    sides = sides_of(scan)
    for model in ("cnn", "frozen"):
        fitted = fitter(scan, tmp_path / "cache", backbone, pool=2).fit(model, sides)
        flipped = torch.from_numpy(read_batch(scan.images, sides["test"])).flip(2)
        with torch.inference_mode():
            own = fitted.network(fitted.config.preprocessing.normalise(flipped))
        through = fitted.logits["mirrored"]
        assert torch.allclose(torch.softmax(own, dim=1), torch.softmax(through, dim=1), atol=1e-4)

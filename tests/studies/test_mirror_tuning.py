import numpy as np
import pytest
import torch

from handshape.config.study import ChiralityConfig
from handshape.data.images.prepared import read_batch
from handshape.studies.material import Material
from handshape.studies.mirror_tuning import mirror_scan, tell_by_tuning
from handshape.training.checkpoint import Checkpoint


def test_mirror_scan__photos_and_then_their_mirror_images(material: Material) -> None:
    scan = material.survey.indexed
    found = mirror_scan(scan)
    assert found.dataset.labels == ("as taken", "mirrored") and len(found.images) == 72
    assert found.dataset.classes.tolist() == [0] * 36 + [1] * 36
    assert [sample.signer for sample in found.dataset.samples] == [*material.signers] * 2
    assert found.digests[:36] == scan.digests and len(set(found.digests)) == len(set(scan.digests)) * 2
    photos = read_batch(scan.images, [3, 5])
    assert np.array_equal(read_batch(found.images, [5 + 36, 3]), np.stack([photos[1][:, ::-1], photos[0]]))


@pytest.mark.slow
def test_tell_by_tuning__goes_on_to_the_same_answers(material: Material) -> None:
    config = ChiralityConfig(
        data=material.survey.indexed.dataset.root, backbone="handnet", tuning_epochs=2, unfreeze="last"
    )
    torch.manual_seed(0)
    keeper = Checkpoint(material.store / "tuning")
    correct, history = tell_by_tuning(config, material, material.sides, keeper)
    assert correct.shape == (2 * len(material.sides["test"]),) and correct.dtype == np.bool_
    assert history[0].epoch == 0  # the frozen network is where tuning begins
    again, rows = tell_by_tuning(config, material, material.sides, keeper)  # from the last epoch
    assert np.array_equal(again, correct) and rows == history

import numpy as np

from handshape.data.augment import MIRRORED
from handshape.studies.material import Material


def test_material__sides_and_features(material: Material) -> None:
    sides = material.sides
    assert sorted(np.concatenate(list(sides.values())).tolist()) == list(range(36))
    who = {side: {material.signers[i] for i in indices} for side, indices in sides.items()}
    assert not who["train"] & who["test"] and not who["train"] & who["valid"]
    every = material.features()
    assert every.shape == (36, 192, 4, 4)
    assert np.array_equal(material.features(indices=np.array([5, 2])), every[[5, 2]])
    assert material.features(None, indices=np.array([1])).shape == (1, 192, 7, 7)
    assert not np.array_equal(material.features(view=MIRRORED), every)

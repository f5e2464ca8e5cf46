import numpy as np
import pytest

from handshape.data.checks.feature_distance import cosine_distance, typical_distance


def test_cosine_distance__of_known_vectors() -> None:
    features = np.array([[1, 0], [2, 0], [0, 3], [-1, 0], [0, 0]], dtype=np.float16)
    first, second = np.array([0, 0, 0, 0]), np.array([1, 2, 3, 4])
    np.testing.assert_allclose(cosine_distance(features, first, second), [0, 1, 2, 1], atol=1e-6)
    assert cosine_distance(features, first[:0], second[:0]).shape == (0,)


def test_typical_distance__is_within_labels() -> None:
    rng = np.random.default_rng(0)
    centres = np.eye(3)[[0] * 50 + [1] * 50 + [2] * 50]
    features = centres + rng.normal(0, 0.01, centres.shape)
    classes = np.repeat([2, 0, 1], 50)
    assert typical_distance(features, classes) < 0.01
    assert typical_distance(features, np.zeros(150, np.int64)) == pytest.approx(1, abs=0.1)


def test_typical_distance__without_pairs() -> None:
    assert typical_distance(np.eye(3), np.arange(3)) == 0

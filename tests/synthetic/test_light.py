import numpy as np

from handshape.synthetic.light import Light, find_creases, find_normals, find_shadows, shade


def _ball(size: int = 41, radius: float = 15.0) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:size, :size] - size // 2
    square = radius**2 - x**2 - y**2
    solid = square > 0
    return np.where(solid, np.sqrt(np.maximum(square, 0)), -1e6).astype(np.float32), solid


def _light(*direction: float) -> Light:
    towards = np.array(direction) / np.linalg.norm(direction)
    return Light(towards, np.ones(3), np.zeros(3), np.zeros(3), 0.0, 0.3)


def test_find_normals__of_a_ball_point_outwards() -> None:
    depth, solid = _ball()
    normals = find_normals(depth, solid)
    np.testing.assert_allclose(normals[:, 20, 20], [0.0, 0.0, 1.0], atol=1e-6)
    np.testing.assert_allclose(normals[:, 20, 29], [9 / 15, 0.0, 12 / 15], atol=0.03)
    np.testing.assert_allclose(normals[:, 11, 20], [0.0, -9 / 15, 12 / 15], atol=0.03)


def test_find_creases__darkens_only_what_lies_deeper_than_its_surroundings() -> None:
    depth = np.zeros((40, 40), dtype=np.float32)
    depth[:, 19:21] = -8.0
    creases = find_creases(depth, np.ones((40, 40), dtype=bool), 1.0)
    assert creases[20, 20] < 0.6 < creases[20, 12]
    assert creases[20, 3] > 0.97


def test_find_shadows__fall_away_from_the_lamp() -> None:
    depth = np.zeros((60, 60), dtype=np.float32)
    depth[20:40, 28:32] = 12.0
    shadows = find_shadows(depth, _light(-1.0, 0.0, 1.0), 1.0)
    assert shadows[30, 36] < 0.3
    assert shadows[30, 20] > 0.9
    assert find_shadows(depth, _light(0.0, 0.0, 1.0), 1.0).min() == 1.0


def test_shade__lights_the_side_of_the_lamp() -> None:
    normals = np.array([[0.8, -0.8], [0.0, 0.0], [0.6, 0.6]], dtype=np.float32)
    full = np.ones(2, dtype=np.float32)
    lit = shade(np.full((3, 2), 0.5, np.float32), normals, full, full, _light(1.0, 0.0, 0.5))
    assert (lit[:, 0] > 3 * lit[:, 1]).all()

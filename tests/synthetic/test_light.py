import numpy as np

from handshape.synthetic.light import Light, find_normals, find_shadows


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


def test_find_shadows__fall_away_from_the_lamp() -> None:
    depth = np.zeros((60, 60), dtype=np.float32)
    depth[20:40, 28:32] = 12.0
    shadows = find_shadows(depth, _light(-1.0, 0.0, 1.0), 1.0)
    assert shadows[30, 36] < 0.3
    assert shadows[30, 20] > 0.9
    assert find_shadows(depth, _light(0.0, 0.0, 1.0), 1.0).min() == 1.0

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handshape.errors import UsageError
from handshape.synthetic.picture import draw_image
from handshape.synthetic.poses import ALPHABET
from handshape.synthetic.scene import STYLES, Style
from handshape.synthetic.signer import make_signer
from handshape.synthetic.skeleton import LIMITS

_BOUNDS = np.array(list(LIMITS.values()))


def _pose(shares: list[float]) -> np.ndarray:
    pose: np.ndarray = _BOUNDS[:, 0] + np.array(shares) * (_BOUNDS[:, 1] - _BOUNDS[:, 0])
    return pose


@settings(max_examples=40, deadline=None)
@given(
    subject=st.one_of(
        st.none(),
        st.sampled_from(ALPHABET),
        st.lists(st.floats(0, 1), min_size=len(LIMITS), max_size=len(LIMITS)).map(_pose),
    ),
    number=st.integers(1, 1000),
    seed=st.integers(0, 2**32 - 1),
    size=st.integers(48, 160),
    style=st.sampled_from(STYLES),
    view=st.one_of(st.none(), st.tuples(st.floats(-180, 180), st.floats(-90, 90), st.floats(-180, 180))),
)
def test_draw_image__holds_the_whole_hand_and_knows_its_box(
    subject: str | np.ndarray | None,
    number: int,
    seed: int,
    size: int,
    style: Style,
    view: tuple[float, float, float] | None,
) -> None:
    drawn = draw_image(subject, make_signer(number, seed), seed=seed, size=size, style=style, view=view)
    rows, columns = np.nonzero(drawn.mask)
    x0, y0, x1, y1 = drawn.truth.box
    assert drawn.pixels.shape == (size, size, 3) and drawn.pixels.dtype == np.uint8
    assert (x0, y0, x1, y1) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert x0 >= 1 and y0 >= 1 and x1 <= size - 1 and y1 <= size - 1
    if isinstance(subject, str) and view is None:
        assert max(x1 - x0, y1 - y0) >= 0.25 * size


@settings(max_examples=8, deadline=None)
@given(letter=st.sampled_from(ALPHABET), seed=st.integers(0, 10_000), index=st.integers(0, 10_000))
def test_draw_image__repeats_with_its_seed_and_differs_with_another(
    letter: str, seed: int, index: int
) -> None:
    signer = make_signer(1, seed)
    first, again = (draw_image(letter, signer, seed=seed, index=index, size=64) for _ in range(2))
    assert first.pixels.tobytes() == again.pixels.tobytes()
    assert first.truth.box == again.truth.box and np.array_equal(first.truth.pose, again.truth.pose)
    for other in (
        draw_image(letter, signer, seed=seed, index=index + 1, size=64),
        draw_image(letter, signer, seed=seed + 1, index=index, size=64),
    ):
        assert other.pixels.tobytes() != first.pixels.tobytes()


def test_draw_image__is_the_plain_letter_without_variation() -> None:
    drawn = draw_image("L", make_signer(1, handedness="right"), size=96, variation=0.0)
    x, y = drawn.truth.keypoints[:, 0], drawn.truth.keypoints[:, 1]
    assert drawn.truth.view == (0.0, 0.0, 0.0)
    assert y[8] == y.min() and x[4] == x.max()  # index up, thumb to the right


def test_draw_image__refuses_a_label_that_is_no_letter() -> None:
    with pytest.raises(UsageError, match="no drawn hand for label 'hello'"):
        draw_image("hello", make_signer(1))

import numpy as np

from handshape.synthetic.signer import make_signer


def test_make_signer__covers_the_monk_scale_in_any_ten() -> None:
    assert sorted(make_signer(number, seed=3).tone for number in range(5, 15)) == list(range(1, 11))


def test_make_signer__one_in_ten_is_left_handed() -> None:
    left = sum(make_signer(number).handedness == "left" for number in range(1, 501))
    assert 25 <= left <= 75


def test_make_signer__darker_tones_have_darker_backs_and_paler_palms() -> None:
    people = {make_signer(number).tone: make_signer(number) for number in range(1, 11)}
    assert people[10].back.mean() < people[6].back.mean() < people[2].back.mean()
    assert people[9].palm.mean() > 1.2 * people[9].back.mean()


def test_accent__is_the_signers_own() -> None:
    one, other = make_signer(1), make_signer(2)
    assert np.array_equal(one.accent("A", 23), one.accent("A", 23))
    assert not np.array_equal(one.accent("A", 23), one.accent("B", 23))
    assert not np.array_equal(one.accent("A", 23), other.accent("A", 23))

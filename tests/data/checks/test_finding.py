from handshape.data.checks.finding import count_of, listed


def test_count_of__one_and_many() -> None:
    assert count_of(1, "photo is", "photos are") == "1 photo is"
    assert count_of(2000, "photo is", "photos are") == "2,000 photos are"


def test_listed__few_and_many() -> None:
    assert [listed(tuple(words)) for words in ("A", "AB", "ABC")] == ["A", "A and B", "A, B and C"]
    assert listed(tuple("ABCDE"), most=3) == "A, B, C and 2 more"

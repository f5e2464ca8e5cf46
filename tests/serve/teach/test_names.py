import pytest

from handshape.errors import AlbumError
from handshape.serve.teach.names import check_name


def test_check_name__accepts_accents_and_spaces() -> None:
    assert check_name("sign", "  Zoe\u0308 im Grünen ") == "Zoë im Grünen"
    assert check_name("signer", "train") == "train"
    assert check_name("sign", "合掌") == "合掌"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("a/b", "'/'"), ("", "0 characters"), (".x", "dot"), ("nul", "reserved"), ("VAL", "reserved")],
)
def test_check_name__names_what_is_wrong(name: str, wrong: str) -> None:
    with pytest.raises(AlbumError, match=wrong):
        check_name("sign", name)

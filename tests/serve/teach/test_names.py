import pytest

from handshape.errors import AlbumError
from handshape.serve.teach.names import check_name


def test_check_name__welcomes_accents_and_spaces() -> None:
    assert check_name("sign", "  Zoe\u0308 im Grünen ") == "Zoë im Grünen"
    assert check_name("signer", "train") == "train"
    assert check_name("sign", "合掌") == "合掌"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a/b", "the sign 'a/b' has '/' in it"),
        ("", "a name of 0 characters for a sign"),
        (".x", "begins or ends with a dot"),
        ("nul", "'nul' as the name of a sign; expected one that is not reserved"),
    ],
)
def test_check_name__says_what_is_wrong(name: str, message: str) -> None:
    with pytest.raises(AlbumError, match=message):
        check_name("sign", name)

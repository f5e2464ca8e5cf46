import builtins
import pickle
import re

import pytest
from tests.approve import APPROVED, messages

from handshape import errors
from handshape.errors import HandshapeError

CHILDREN = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, HandshapeError) and kind is not HandshapeError
]


def test_messages__are_the_approved_ones() -> None:
    # Changed on purpose? `python -m tests.approve` writes the list anew.
    assert messages() == APPROVED.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", CHILDREN)
def test_handshape_error__three_parts_a_code_and_a_standard_error(kind: type[HandshapeError]) -> None:
    error = pickle.loads(pickle.dumps(kind("no folder 'x'", "a folder", "check the path")))
    assert type(error) is kind and str(error) == "no folder 'x'; expected a folder; check the path"
    assert (error.wrong, error.expected, error.remedy) == ("no folder 'x'", "a folder", "check the path")
    assert re.fullmatch("[a-z]+(-[a-z]+)*", error.code)
    standard = {one for one in vars(builtins).values() if isinstance(one, type)} - {Exception, BaseException}
    assert standard & set(kind.__mro__) - {object}

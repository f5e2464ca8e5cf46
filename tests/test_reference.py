from tools.write_reference import PLACE, reference_text

import handshape


def test_reference__is_that_of_the_code() -> None:
    text = PLACE.read_text(encoding="utf-8")
    assert text == reference_text(), "run `python -m tools.write_reference`"
    assert all(f"## {name}\n" in text or f"## `{name}`\n" in text for name in handshape.__all__)

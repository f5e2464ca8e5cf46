import logging

import pytest
from tests.serve.conftest import Server
from tests.serve.fuzz import FUZZ, fuzz


@pytest.mark.parametrize("what", FUZZ)
def test_fuzz__the_server_answers_or_refuses(
    server: Server, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    fuzz(what, server.port, 40)
    assert not [line for line in caplog.records if line.levelno >= logging.ERROR]

import re
from typing import Any

import pytest

from handshape.config.cluster import is_address
from handshape.config.use import FeaturesConfig
from handshape.errors import UsageError


@pytest.mark.parametrize(
    "options, message",
    [
        ({"address": "head:6379"}, "--address head:6379 with --engine local; expected --engine ray; add it"),
        (
            {"engine": "ray", "address": "ray://head:10001"},
            "--address 'ray://head:10001'; expected host:port of the head, or auto; run handshape on a node",
        ),
        ({"engine": "ray", "device": "mps"}, "--device mps with --engine ray; expected cpu or cuda; leave"),
        ({"data": "s3://a/b"}, "DATA 's3://a/b'; expected a folder or a table on this machine; add --engine"),
        ({"engine": "spark"}, "--engine 'spark'; expected one of local, ray; choose one"),
    ],
)
def test_cluster_options__refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match="^" + re.escape(message)):
        FeaturesConfig(**{"data": "photos", **options})


def test_cluster_options__an_address_of_data_stays_as_it_is() -> None:
    config = FeaturesConfig(data="s3://bucket/a?endpoint_override=http://localhost:1", engine="ray")
    assert config.data == "s3://bucket/a?endpoint_override=http://localhost:1"


@pytest.mark.parametrize("data", ["photos", "/a/b", "C:/photos", "C:\\photos", "a://b"])
def test_is_address__not_a_path(data: str) -> None:
    assert not is_address(data)


@pytest.mark.parametrize("data", ["s3://bucket/photos", "file:///photos", "gs://b", "S3://b"])
def test_is_address(data: str) -> None:
    assert is_address(data)

import pytest

from handshape.config.study import AutoencoderConfig
from handshape.errors import UsageError


def test_study_config__landmarks_are_no_features_in_space() -> None:
    text = "--backbone landmarks in a study; expected a network of images; choose another backbone"
    with pytest.raises(UsageError, match=text):
        AutoencoderConfig(data="photos", backbone="landmarks")  # type: ignore[arg-type]

"""Settings cannot be changed and show no secret."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from tests.config.samples import PASSWORD, SECRETS, Load


def test_is_frozen(read: Load) -> None:
    config = read()
    with pytest.raises(FrozenInstanceError):
        config.pg_bin = Path()  # type: ignore[misc] # that it cannot be set is the point
    with pytest.raises(TypeError):
        config.environments["prod"] = config.environments["staging"]  # type: ignore[index] # likewise


def test_shows_no_secret(read: Load) -> None:
    config = read()
    assert config.state_dsn.get_secret_value() == SECRETS["BACKSTOP_STATE_DSN"]
    assert config.access["prod"].database.dsn.get_secret_value() == SECRETS["BACKSTOP_PROD_DSN"]
    assert PASSWORD not in repr(config)

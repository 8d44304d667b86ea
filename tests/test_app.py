"""What a replica refuses to start with."""

from pathlib import Path
from typing import cast

import pytest

from bot.app import Parts, Service
from bot.config import load
from bot.errors import PermanentError

DEPLOYED = Path(__file__).parents[1] / "deploy" / "backstop.toml"
SECRETS = {
    "BACKSTOP_SLACK_BOT_TOKEN": "xoxb-1-sample",
    "BACKSTOP_SLACK_SIGNING_SECRET": "0123456789abcdef0123456789abcdef",
    "BACKSTOP_STATE_DSN": "postgresql://localhost/state",
    "BACKSTOP_DEV_DSN": "postgresql://localhost/dev",
    "BACKSTOP_STAGING_DSN": "postgresql://localhost/staging",
    "BACKSTOP_PROD_DSN": "postgresql://localhost/prod",
}


def test_http_mode_is_refused_instead_of_hearing_nobody(tmp_path: Path) -> None:
    file = tmp_path / "backstop.toml"
    scripts = DEPLOYED.parents[1] / "sql" / "down"
    text = DEPLOYED.read_text().replace('mode = "socket"', 'mode = "http"').replace("sql/down", str(scripts))
    file.write_text(text)
    with pytest.raises(PermanentError, match="http-mode-not-available"):
        Service(load(file, SECRETS), cast("Parts", None), listen=True)

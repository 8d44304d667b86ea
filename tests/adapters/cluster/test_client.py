"""The client knows its server from a kubeconfig, or is refused."""

import json
from pathlib import Path

import pytest

from bot.adapters.cluster.api import Api
from bot.adapters.cluster.client import connect
from bot.errors import PermanentError
from tests.adapters.cluster.app import connected
from tests.adapters.cluster.canned import Canned
from tests.adapters.cluster.requests import PATH, TOKEN, WHAT


def test_a_kubeconfig(server: Canned, tmp_path: Path) -> None:
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": server.url}}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    with connected(kubeconfig=tmp_path / "config") as client:
        Api(client).get(PATH, WHAT)
    assert server.requests[0][2]["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("text", [None, "", f"token: {TOKEN}", f"{{{TOKEN}"])
def test_a_kubeconfig_that_cannot_be_used(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "config").write_text(text)
    with pytest.raises(PermanentError, match=r"^cluster-not-configured: The kubeconfig") as caught:
        connect(kubeconfig=tmp_path / "config")
    assert TOKEN not in str(caught.value)


def test_outside_a_pod_nothing_is_guessed() -> None:
    with pytest.raises(PermanentError, match=r"^cluster-not-configured: We run in no pod"):
        connect()

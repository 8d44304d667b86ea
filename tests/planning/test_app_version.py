"""The app version that serves afterwards: requested, kept, or the newest that suits."""

import pytest

from bot.domain.versions import AppVersion
from bot.errors import PermanentError
from bot.planning.app_version import available_apps, choose_app
from tests.planning.case import DEFAULT, facts_of

FACTS = facts_of(DEFAULT)


@pytest.mark.parametrize(
    ("requested", "schema", "chosen"),
    [
        (None, 27, "v1.3.0"),
        (None, 26, "v1.2.3"),
        (None, 24, "v1.1.4"),
        ("v1.2.3", 26, "v1.2.3"),
    ],
)
def test_a_version_that_suits_is_chosen(requested: str | None, schema: int, chosen: str) -> None:
    app = AppVersion.parse(requested) if requested else None

    assert str(choose_app(app, FACTS, schema)) == chosen


@pytest.mark.parametrize(
    ("requested", "schema", "reference"),
    [
        ("v1.3.0", 26, "app-incompatible"),
        ("v1.2.9", 26, "app-not-in-history"),
        (None, 19, "no-compatible-app"),
    ],
)
def test_one_that_does_not_is_refused(requested: str | None, schema: int, reference: str) -> None:
    app = AppVersion.parse(requested) if requested else None

    with pytest.raises(PermanentError, match=rf"^{reference}: "):
        choose_app(app, FACTS, schema)


def test_a_version_that_one_deployment_lacks_is_not_available() -> None:
    lacking = [{"name": "api", "versions": ["v1.3.0", "v1.2.3"], "replicas": 3}, DEFAULT["deployments"][1]]
    cluster = facts_of({**DEFAULT, "deployments": lacking}).cluster

    assert {str(app) for app in available_apps(cluster)} == {"v1.3.0", "v1.2.3"}

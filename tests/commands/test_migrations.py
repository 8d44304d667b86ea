"""`/migrations` needs an environment only where there are several."""

import pytest

from bot.errors import PermanentError
from commands import migrations
from commands.intake import Desk
from tests.commands.office import ENVIRONMENTS, Remembered, understood
from tests.commands.reading import DESK


def test_migrations_needs_an_environment_where_there_are_several() -> None:
    assert understood(migrations.read("Prod", DESK)).payload == {"environment": "prod"}
    with pytest.raises(PermanentError, match=r"which-environment.*/migrations dev, /migrations prod"):
        migrations.read("", DESK)
    with pytest.raises(PermanentError, match="Did you mean prod\\? Type /migrations prod"):
        migrations.read("production", DESK)
    with pytest.raises(PermanentError, match="too-many-words"):
        migrations.read("prod 027", DESK)


def test_migrations_takes_the_only_environment_there_is() -> None:
    alone = Desk(Remembered(), {"prod": ENVIRONMENTS["prod"]}, "T0PHYSIO")

    assert understood(migrations.read("", alone)).payload == {"environment": "prod"}

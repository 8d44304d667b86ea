"""An operator with the key signs what they vouch for, and the audit log keeps who that was."""

from dataclasses import replace

import pytest

from bot.domain.backups import TableContent
from bot.domain.signing import SignatureState
from bot.engine.backups.adopt import adopt_bundle, adopt_export
from bot.errors import PermanentError
from tests.engine.backups.requests import made
from tests.fakes.process import Process
from tests.fakes.world import World


def test_a_bundle_counts_as_ours_from_then_on(world: World) -> None:
    world.store.backups = [replace(made(1), signature=SignatureState.UNKNOWN_KEY)]
    services = world.services(Process("cli"))
    said = adopt_bundle(services, "prod", str(made(1).name), "root@ops")
    assert said.endswith("is read to its end and signed. It counts as made by Backstop from now on.")
    assert world.store.backups[0].is_signed
    (event,) = world.journal.audit.log
    assert (event.actor, event.event) == ("root@ops", "bundle-adopted")
    assert event.details["before"] == "unknown-key"
    assert adopt_bundle(services, "prod", str(made(1).name), "root@ops").endswith("is signed already.")
    assert len(world.journal.audit.log) == 1


def test_latest_is_none(world: World) -> None:
    world.store.backups = [replace(made(1), signature=SignatureState.UNSIGNED)]
    with pytest.raises(PermanentError, match=r"^no-backups: prod has no backups that Backstop made"):
        adopt_bundle(world.services(Process("cli")), "prod", "latest", "root@ops")


def test_saved_rows(world: World) -> None:
    services = world.services(Process("cli"))
    with pytest.raises(PermanentError, match=r"^unknown-export"):
        adopt_export(services, "prod", "rabcde", "root@ops")
    exports = world.store.open_export("rabcde")
    with exports.sink().table("public.flags", ["id"]) as write:
        write(b"id\n1\n")
    exports.finish((), [TableContent("public.flags", 1)])
    exports.signature = SignatureState.UNSIGNED
    assert (
        adopt_export(services, "prod", "rabcde", "root@ops") == "1 rows of 1 tables are read to their end and signed."
    )
    assert exports.existing() is not None
    (event,) = world.journal.audit.log
    assert (event.run_id, event.event) == ("rabcde", "export-adopted")

"""A bundle that is not signed is compared with the live database, as far as that can be read."""

from dataclasses import replace

import pytest

from bot.domain.backups import BundleKind, TableContent
from bot.domain.signing import SignatureState
from bot.engine.backups.compare_live import check_shape, prove_likeness
from bot.errors import PermanentError
from bot.ports import DumpEntries, FetchedBundle
from tests.engine.backups.requests import made
from tests.fakes.process import Process
from tests.fakes.reader import FakeReader
from tests.fakes.sides import FakeSides
from tests.fakes.world import World

FOREIGN = made(1, manifest=False)


def load(world: World, sides: FakeSides) -> str:
    sides.plain = tuple(TableContent(table, rows) for table, rows in world.database.rows.items())
    sides.schema_of_plain = 27
    return sides.load("r1", bundle(world), lambda _: None)


def bundle(world: World, *, manifest: bool = False) -> FetchedBundle:
    return FetchedBundle(BundleKind.CUSTOM, world.scratch, made(1).manifest if manifest else None, 1)


def test_what_was_and_was_not_compared_is_said(world: World, sides: FakeSides) -> None:
    name = load(world, sides)
    env = world.services(Process("one")).env("prod")
    said = prove_likeness(env, name, FOREIGN, sides.plain)
    assert said.startswith("compared with the live database: ")
    assert said.endswith("; no manifest to compare content with")
    unsigned = replace(made(1), signature=SignatureState.UNSIGNED)
    assert not prove_likeness(env, name, unsigned, sides.plain).endswith("content with")
    assert prove_likeness(env, name, made(1), sides.plain) == ""


def test_a_live_database_in_trouble_is_compared_with_nothing(world: World, sides: FakeSides) -> None:
    name, process = load(world, sides), Process("one")
    process.faults["database.measure"] = [PermanentError("database-refused", "Gone.")]
    said = prove_likeness(world.services(process).env("prod"), name, FOREIGN, sides.plain)
    assert said == (
        "compared with nothing: the live database cannot be read (database-refused); no manifest to compare content "
        "with"
    )


def test_only_a_bundle_without_a_manifest_is_refused_as_a_part(world: World, sides: FakeSides) -> None:
    name = load(world, sides)
    env, one = world.services(Process("one")).env("prod"), sides.plain[:1]
    with pytest.raises(PermanentError, match=r"^bundle-partial: .* it lacks \d of the live database's"):
        prove_likeness(env, name, FOREIGN, one)
    assert prove_likeness(env, name, replace(made(1), signature=SignatureState.WRONG), one)


@pytest.mark.parametrize(
    ("entries", "what"),
    [(DumpEntries(27, 0), "schema only"), (DumpEntries(0, 27), "data only"), (DumpEntries(0, 0), "it has no table")],
)
def test_a_part_is_recognised_before_it_is_loaded(world: World, entries: DumpEntries, what: str) -> None:
    reader = FakeReader()
    reader.entries = entries
    with pytest.raises(PermanentError, match=rf"^bundle-partial: This is a part of a database: {what}"):
        check_shape(reader, bundle(world))
    check_shape(reader, bundle(world, manifest=True))

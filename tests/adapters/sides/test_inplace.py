"""A restore in place: the same database afterwards, or every byte as it was."""

from pathlib import Path

import pytest

from bot.adapters.database.fence import PostgresFence
from bot.domain.backups import BundleKind, TableContent
from bot.errors import BotError
from bot.ports import FetchedBundle, ReplacementOrder, Supervision
from tests.adapters.sides.conftest import Nasty, ignore
from tests.adapters.sides.test_equivalence import QUERIES, schema_text, state


def order_of(nasty: Nasty, saved: list[TableContent]) -> ReplacementOrder:
    return ReplacementOrder(tuple(saved), nasty.database.uncounted(), nasty.database.catalogue().fingerprint)


def test_probe(nasty: Nasty, tmp_path: Path) -> None:
    dump_path = tmp_path / "dump"
    dump = nasty.database.dump(dump_path, ignore)
    bundle = FetchedBundle(BundleKind.DIRECTORY, dump_path, None, 1)
    assert nasty.database.obstacles(bundle) == []
    before, schema = state(nasty.superuser_dsn), schema_text(nasty.superuser_dsn)
    order = order_of(nasty, list(dump.tables))
    seen = []
    watch = Supervision(seen.append, lambda tables, version: seen.append((tables, version)), ignore, lambda: None)
    fence = nasty.database.fence("r1")
    try:
        replaced = fence.replace(bundle, order, watch)
        print(replaced)
    finally:
        fence.close()
        nasty.database.reopen()
    assert nasty.database.was_committed(seen[0])
    assert list(seen[1][0]) == list(dump.tables)
    assert schema_text(nasty.superuser_dsn) == schema
    after = state(nasty.superuser_dsn)
    for name in QUERIES:
        assert after[name] == before[name], name

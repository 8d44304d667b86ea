import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from bot.adapters.database.connections import Connection
from bot.adapters.database.exclusive_access import PostgresExclusiveAccess
from bot.domain.backups import SavedSequence, TableContent
from bot.domain.runs import Progress
from bot.errors import PermanentError
from bot.sandbox.physioflow.clones import Clone

TakeAccess = Callable[[], PostgresExclusiveAccess]


class MemorySink:
    """A `bot.ports.TableSink` that keeps what it gets."""

    def __init__(self) -> None:
        self.columns: dict[str, Sequence[str]] = {}
        self.stored: dict[str, str] = {}

    @contextmanager
    def table(self, name: str, columns: Sequence[str]) -> Iterator[Callable[[bytes], None]]:
        blocks: list[bytes] = []
        self.columns[name] = columns
        yield blocks.append
        self.stored[name] = b"".join(blocks).decode()

    def rows(self, name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.stored[name])))


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


def rows_of(contents: Sequence[TableContent]) -> dict[str, int]:
    return {content.table: content.rows for content in contents}


def ignore(progress: Progress) -> None:
    del progress


def test_every_row_is_copied_and_counted_by_the_server(
    take_access: TakeAccess, owner: Connection, sink: MemorySink
) -> None:
    expected = owner.execute("SELECT id::text, key FROM feature_flags").fetchall()
    seen: list[Progress] = []
    tables = ["public.feature_flags", "public.feature_flag_audit_log", "public.mv_diagnosis_statistics"]

    _, contents = take_access().export(tables, sink, seen.append)

    assert sorted((row["id"], row["key"]) for row in sink.rows("public.feature_flags")) == sorted(expected)
    assert rows_of(contents) == {name: len(sink.rows(name)) for name in tables}
    assert sink.columns["public.feature_flags"][:3] == ("id", "key", "description")
    assert seen[-1].done == seen[-1].total == sum(len(text.encode()) for text in sink.stored.values())
    assert seen[-1].unit == "bytes"


def test_states_of_all_sequences(take_access: TakeAccess, owner: Connection, sink: MemorySink) -> None:
    owner.execute("SELECT setval('feature_flags_id_seq', 70); CREATE TABLE fresh (id serial)")

    sequences, _ = take_access().export(["public.feature_flags", "public.fresh"], sink, ignore)

    assert [each for each in sequences if "flags" in each.sequence or "fresh" in each.sequence] == [
        SavedSequence("public.feature_flags_id_seq", 70, is_called=True),
        SavedSequence("public.fresh_id_seq", 1, is_called=False),
    ]


def test_a_view_nobody_refreshed_has_no_rows(take_access: TakeAccess, owner: Connection, sink: MemorySink) -> None:
    owner.execute("REFRESH MATERIALIZED VIEW mv_diagnosis_statistics WITH NO DATA")

    _, contents = take_access().export(["public.mv_diagnosis_statistics"], sink, ignore)

    assert rows_of(contents) == {"public.mv_diagnosis_statistics": 0}
    assert sink.stored["public.mv_diagnosis_statistics"].startswith("code,title_vi,")


def test_partitions_unusual_names_and_values(take_access: TakeAccess, owner: Connection, sink: MemorySink) -> None:
    name = '"My Schema"."T ""x""'
    name += '"'
    for statement in (
        'CREATE SCHEMA "My Schema"',
        f'CREATE TABLE {name} (at date, "Note" text) PARTITION BY RANGE (at)',
        f'CREATE TABLE "My Schema".p PARTITION OF {name} DEFAULT',
        f"""INSERT INTO {name} VALUES ('2026-01-01', E'a,"b"\\nc'), (NULL, NULL), (NULL, '')""",
    ):
        owner.execute(statement.encode())

    _, contents = take_access().export([name], sink, ignore)

    assert rows_of(contents) == {name: 3}
    assert sink.stored[name] == 'at,Note\n2026-01-01,"a,""b""\nc"\n,\n,""\n'


def test_values_are_saved_to_the_last_digit_whatever_the_database_s_settings(
    take_access: TakeAccess, owner: Connection, server: Connection, clone: Clone, sink: MemorySink
) -> None:
    loose = {"extra_float_digits": "0", "datestyle": "SQL, DMY", "intervalstyle": "iso_8601", "bytea_output": "escape"}
    for name, value in loose.items():
        server.execute(f"ALTER DATABASE {clone.name} SET {name} = '{value}'".encode())
    owner.execute("CREATE TABLE exact AS SELECT 0.1::float8 + 0.2 AS f, date '2026-03-04' AS d, '\\x00'::bytea AS b")
    owner.execute("ALTER TABLE exact ADD i interval DEFAULT '1 day'")

    take_access().export(["public.exact"], sink, ignore)

    assert sink.stored["public.exact"] == "f,d,b,i\n0.30000000000000004,2026-03-04,\\x00,1 day\n"


def test_row_level_security_hides_nothing(take_access: TakeAccess, owner: Connection, sink: MemorySink) -> None:
    for state in ("ENABLE", "FORCE"):
        owner.execute(f"ALTER TABLE feature_flags {state} ROW LEVEL SECURITY".encode())

    with pytest.raises(PermanentError, match="row-level security"):
        take_access().export(["public.feature_flags"], sink, ignore)

    assert sink.stored == {}


def test_a_report_that_raises_stops_it_and_stores_nothing(take_access: TakeAccess, sink: MemorySink) -> None:
    def cancel(progress: Progress) -> None:
        raise RuntimeError(progress)

    session = take_access()
    with pytest.raises(RuntimeError):
        session.export(["public.feature_flags"], sink, cancel)

    assert sink.stored == {}
    assert rows_of(session.export(["public.feature_flags"], sink, ignore)[1]) == {"public.feature_flags": 12}


def test_a_relation_that_is_gone(take_access: TakeAccess, sink: MemorySink) -> None:
    with pytest.raises(PermanentError, match=r"relation-missing: public\.nothing was to be saved"):
        take_access().export(["public.nothing"], sink, ignore)


def test_a_child_s_rows_are_its_own(take_access: TakeAccess, owner: Connection, sink: MemorySink) -> None:
    owner.execute("CREATE TABLE par (id int); CREATE TABLE kid (own int) INHERITS (par)")
    owner.execute("CREATE TABLE grandkid () INHERITS (kid)")
    owner.execute("INSERT INTO par VALUES (1); INSERT INTO kid VALUES (2, 20); INSERT INTO grandkid VALUES (3, 30)")

    _, contents = take_access().export(["public.par", "public.kid"], sink, ignore)

    assert rows_of(contents) == {"public.par": 1, "public.kid": 1, "public.grandkid": 1}
    assert sink.stored["public.par"] == "id\n1\n"
    assert sink.stored["public.grandkid"] == "id,own\n3,30\n"

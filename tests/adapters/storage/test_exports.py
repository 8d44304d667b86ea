import csv
import gzip
import io
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.storage import S3BackupStore
from bot.adapters.storage.documents import read_export, write_export
from bot.adapters.storage.exports import CsvRows, S3ExportStore
from bot.domain.backups import SavedSequence, TableContent
from bot.domain.environments import BackupTarget
from bot.errors import PermanentError, TemporaryError
from bot.sandbox.objectstore import ObjectStore
from tests.adapters.storage.bucket import keys, open_uploads
from tests.fakes.keyring import KEYRING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RUN = "rk3f9a"
FLAGS = b'id,name,note\n1,"a ""quoted"" name","two\nlines, and a comma"\n2,\xe1\xbb\x87,\n3,"",NULL\n'
SEQUENCES = (SavedSequence("public.feature_flags_id_seq", 3, is_called=True),)
CELLS = st.one_of(st.none(), st.text(alphabet='ab",\n\r é', max_size=6))


@pytest.fixture
def export(store: S3BackupStore) -> S3ExportStore:
    return store.open_export(RUN)


def save(export: S3ExportStore, name: str = "public.feature_flags", content: bytes = FLAGS) -> None:
    with export.sink().table(name, ["id", "name", "note"]) as write:
        for start in range(0, len(content), 5):
            write(content[start : start + 5])


def test_rows_are_saved_read_back_and_written_down(
    export: S3ExportStore, store: S3BackupStore, client: "S3Client", target: BackupTarget
) -> None:
    assert export.existing() is None
    save(export)
    assert export.existing() is None
    done = export.finish(SEQUENCES)
    assert (done.run_id, done.prefix, done.rows, done.sequences) == (RUN, f"exports/{RUN}/", 3, SEQUENCES)
    assert done.tables[0].key == f"exports/{RUN}/public.feature_flags.csv.gz"
    text = gzip.decompress(client.get_object(Bucket=target.bucket, Key=done.tables[0].key)["Body"].read())
    assert list(csv.reader(io.StringIO(text.decode(), newline="")))[1:] == [
        ["1", 'a "quoted" name', "two\nlines, and a comma"],
        ["2", "ệ", ""],
        ["3", "", "NULL"],
    ]
    assert text == FLAGS
    assert store.open_export(RUN).existing() == done


def test_a_table_s_own_hash_is_kept_and_an_older_export_has_none(export: S3ExportStore, store: S3BackupStore) -> None:
    save(export)
    assert export.finish((), [TableContent("public.feature_flags", 3, "-17")]).tables[0].content_hash == "-17"
    found = store.open_export(RUN).existing()
    assert found is not None
    assert found.tables[0].content_hash == "-17"
    older = write_export(found).replace(b'"content_hash": "-17"', b'"unknown": ""')
    assert read_export(older).tables[0].content_hash == ""


def test_an_empty_table_and_no_table(export: S3ExportStore) -> None:
    save(export, content=b"id,name,note\n")
    assert export.finish(()).rows == 0
    export.sink()
    assert export.finish(()).tables == ()


def test_a_table_of_many_parts(export: S3ExportStore, client: "S3Client", target: BackupTarget) -> None:
    with export.sink().table("public.blobs", ["id", "body"]) as write:
        write(b"id,body\n")
        for number in range(24):
            write(b"%d,%s\n" % (number, os.urandom(500_000).hex().encode()))
    assert export.finish(()).rows == 24
    assert client.head_object(Bucket=target.bucket, Key=f"exports/{RUN}/public.blobs.csv.gz")["ETag"].endswith('-2"')


def test_a_stream_that_breaks_leaves_nothing(export: S3ExportStore, client: "S3Client", target: BackupTarget) -> None:
    with pytest.raises(KeyError), export.sink().table("public.feature_flags", ["id"]) as write:  # noqa: PT012 -- the block is the subject
        write(b"id\n1\n")
        raise KeyError
    with pytest.raises(PermanentError, match=r"^export-damaged: .*public\.feature_flags"):
        save(export, content=FLAGS[:-1])
    assert keys(client, target) == []
    assert open_uploads(client, target) == []
    assert export.finish(()).tables == ()


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ('public."Odd / name"', "public.%22Odd%20%2F%20name%22"),
        ("../../etc/passwd", "..%2F..%2Fetc%2Fpasswd"),
        ("public.bệnh_nhân?x=1&y#z", "public.b%E1%BB%87nh_nh%C3%A2n%3Fx%3D1%26y%23z"),
        ("a%2Fb", "a%252Fb"),
    ],
)
def test_unusual_names_stay_one_part_of_the_key(
    export: S3ExportStore, client: "S3Client", target: BackupTarget, name: str, part: str
) -> None:
    save(export, name)
    done = export.finish(())
    assert done.tables[0].table == name
    assert sorted(keys(client, target)) == sorted([f"exports/{RUN}/{part}.csv.gz", f"exports/{RUN}/export.json"])


@pytest.mark.parametrize("name", ["", ".", "..", "a\0b"])
def test_names_that_name_nothing_are_refused(export: S3ExportStore, store: S3BackupStore, name: str) -> None:
    with pytest.raises(PermanentError, match=r"^bad-relation-name: "):
        save(export, name)
    with pytest.raises(PermanentError, match=r"^bad-relation-name: "):
        store.open_export(name)


def test_a_relation_is_exported_once(export: S3ExportStore) -> None:
    sink = export.sink()
    with sink.table("t", ["id"]) as write:
        write(b"id\n")
    with pytest.raises(PermanentError, match=r"^bad-relation-name: t "), sink.table("t", ["id"]) as write:
        write(b"id\n")


@pytest.mark.parametrize(
    "damage",
    [
        lambda stored: stored[:-9],
        lambda stored: stored[:40] + b"\0" + stored[41:],
        lambda _: gzip.compress(FLAGS + b"4,d,e\n"),
        lambda _: b"",
        lambda stored: stored + b"\0",
    ],
)
def test_what_came_back_different_is_damage(
    export: S3ExportStore, client: "S3Client", target: BackupTarget, damage: object
) -> None:
    save(export)
    place = {"Bucket": target.bucket, "Key": f"exports/{RUN}/public.feature_flags.csv.gz"}
    stored = client.get_object(**place)["Body"].read()  # type: ignore[arg-type] # two plain keywords
    client.put_object(**place, Body=damage(stored))  # type: ignore[arg-type,operator] # the same; a lambda above
    with pytest.raises(PermanentError, match=r"^export-damaged: .*public\.feature_flags"):
        export.finish(())
    assert export.existing() is None


def test_an_object_that_went_away_is_no_export(export: S3ExportStore, client: "S3Client", target: BackupTarget) -> None:
    save(export)
    client.delete_object(Bucket=target.bucket, Key=f"exports/{RUN}/public.feature_flags.csv.gz")
    with pytest.raises(PermanentError, match=r"^object-not-found: "):
        export.finish(())


def test_a_connection_that_breaks_while_reading_back(
    export: S3ExportStore, server: ObjectStore, hasty: "S3Client", target: BackupTarget
) -> None:
    cautious = S3BackupStore(hasty, "prod", target, KEYRING).open_export(RUN)
    save(cautious)
    server.fault({"kind": "drop", "method": "GET", "after_bytes": 20})
    with pytest.raises(TemporaryError, match=r"^storage-unavailable: "):
        cautious.finish(())
    server.clear_faults()
    assert export.existing() is None
    assert cautious.finish(()).rows == 3


def test_a_second_export_overwrites_nothing_of_the_first(
    export: S3ExportStore, store: S3BackupStore, client: "S3Client", target: BackupTarget
) -> None:
    save(export)
    first = export.finish(())
    again = store.open_export(RUN)
    for number in (2, 3):
        save(again, content=b"id,name,note\n")
        done = again.finish(())
        assert done.tables[0].key == f"exports/{RUN}/{number}/public.feature_flags.csv.gz"
        assert export.existing() == done
    stored = client.get_object(Bucket=target.bucket, Key=first.tables[0].key)["Body"].read()
    assert gzip.decompress(stored) == FLAGS


def test_a_damaged_index_is_not_taken_for_none(export: S3ExportStore, client: "S3Client", target: BackupTarget) -> None:
    client.put_object(Bucket=target.bucket, Key=f"exports/{RUN}/export.json", Body=b"{")
    with pytest.raises(PermanentError, match=r"^export-damaged: "):
        export.existing()


def test_saved_rows_are_read_as_they_were_saved(export: S3ExportStore, store: S3BackupStore) -> None:
    content = b"id,name,note\n" + b'1,"x",\n' * 300_000
    save_at_once(export, content)
    (saved,) = export.finish(()).tables

    blocks = list(store.open_export(RUN).read(saved))

    assert b"".join(blocks) == content
    assert len(blocks) > 1


def save_at_once(export: S3ExportStore, content: bytes) -> None:
    with export.sink().table("public.feature_flags", ["id", "name", "note"]) as write:
        write(content)


@pytest.mark.parametrize("damage", ["gone", "cut", "exchanged"])
def test_saved_rows_that_are_damaged_are_not_taken(
    export: S3ExportStore, client: "S3Client", target: BackupTarget, damage: str
) -> None:
    save(export)
    (saved,) = export.finish(()).tables
    body = client.get_object(Bucket=target.bucket, Key=saved.key)["Body"].read()
    if damage == "gone":
        client.delete_object(Bucket=target.bucket, Key=saved.key)
    else:
        other = body[:-9] if damage == "cut" else gzip.compress(b"id,name,note\n1,x,y\n")
        client.put_object(Bucket=target.bucket, Key=saved.key, Body=other)

    with pytest.raises(PermanentError, match="export-damaged"):
        list(export.read(saved))


def as_postgres_writes(rows: list[list[str | None]]) -> bytes:
    """Quote like COPY: NULL is nothing, the empty string is ``""``."""

    def cell(value: str | None) -> str:
        if value is None:
            return ""
        special = not value or any(mark in value for mark in '",\r\n')
        return '"' + value.replace('"', '""') + '"' if special else value

    return "".join(",".join(map(cell, row)) + "\n" for row in rows).encode()


@given(rows=st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=8), cut=st.integers(1, 7))
def test_counts_what_the_csv_module_counts_wherever_the_stream_is_cut(rows: list[list[str | None]], cut: int) -> None:
    text = as_postgres_writes([["id", "note"], *rows])
    counter = CsvRows()
    for start in range(0, len(text), cut):
        counter.feed(text[start : start + cut])
    assert len(rows) == counter.rows
    assert sum(1 for _ in csv.reader(io.StringIO(text.decode(), newline=""))) - 1 == counter.rows
    counter.check("public.notes", ("id", "note"))


def test_a_null_of_a_single_column_is_a_row_though_its_line_is_empty() -> None:
    counter = CsvRows()
    counter.feed(b"note\n\n\n")
    assert counter.rows == 2


def test_a_column_name_may_hold_quotes_commas_and_newlines() -> None:
    counter = CsvRows()
    counter.feed(b'"odd ""name""","a,b","two\nlines"\n1,2,3\n')
    assert counter.columns == ('odd "name"', "a,b", "two\nlines")
    assert counter.rows == 1


def test_nothing_is_no_row_and_no_header() -> None:
    counter = CsvRows()
    counter.feed(b"")
    assert (counter.rows, counter.columns) == (0, ())


@pytest.mark.parametrize(
    "text", [b"id,note\n1,half", b'id,note\n1,"half\n', b"note,id\n1,2\n", b"", b"id,note", b"x" * 200_000 + b"\n"]
)
def test_refuses_a_stream_without_its_header_or_its_end(text: bytes) -> None:
    counter = CsvRows()
    counter.feed(text)
    with pytest.raises(PermanentError, match=r"^export-damaged: The rows of public\.notes "):
        counter.check("public.notes", ("id", "note"))

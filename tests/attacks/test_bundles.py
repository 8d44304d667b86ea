"""Bundles that hold what no dump of one database holds: all refused, nothing run, the server as it was."""

import subprocess
from pathlib import Path

import psycopg
import pytest

from bot.adapters.dump_statements import ArchiveCheck, check_plain
from bot.adapters.dump_statements.toc import TocEntry, read_toc
from bot.adapters.pgclient.tools import PgTools
from bot.domain.backups import BundleKind
from bot.errors import PermanentError
from bot.ports import FetchedBundle
from bot.sandbox.postgres import find_bin_dir
from tests.attacks.conftest import FORMATS, LIVE, OWNER, Attacked, ignore
from tests.attacks.statements import ANYWHERE, DISGUISED, IN_ARCHIVES

REFUSED = {"bundle-unsafe-statement", "bundle-foreign-object"}


def filled(statement: str) -> str:
    return statement.replace("{live}", LIVE).replace("{owner}", OWNER) + ";"


def definition(attacked: Attacked, table: str) -> bytes:
    return attacked.entry("COMMENT", f"TABLE {table}").definition


@pytest.mark.parametrize("statement", [*ANYWHERE, *DISGUISED])
def test_in_a_plain_dump(attacked: Attacked, tmp_path: Path, statement: str) -> None:
    error = attacked.is_refused(attacked.plain(tmp_path / "dump.sql", filled(statement)))
    assert error.reference in REFUSED
    assert "prod_evil" in error.message
    assert " line " in error.message


@pytest.mark.parametrize("statement", [*ANYWHERE, *DISGUISED, *IN_ARCHIVES])
def test_in_an_entry_of_a_directory(attacked: Attacked, tmp_path: Path, statement: str) -> None:
    replaced = (definition(attacked, "patients"), filled(statement).encode())
    error = attacked.is_refused(attacked.archive(tmp_path / "dump", BundleKind.DIRECTORY, replaced))
    assert error.reference in REFUSED
    assert "(COMMENT 'TABLE patients')" in error.message or "(COMMENT TABLE patients)" in error.message


@pytest.mark.parametrize("kind", [BundleKind.CUSTOM, BundleKind.TAR])
@pytest.mark.parametrize("statement", [*ANYWHERE[::20], *DISGUISED[:4]])
def test_in_an_entry_of_a_file(attacked: Attacked, tmp_path: Path, statement: str, kind: BundleKind) -> None:
    replaced = (definition(attacked, "patients"), filled(statement).encode())
    assert attacked.is_refused(attacked.archive(tmp_path / "dump", kind, replaced)).reference in REFUSED


EVIL = f"DROP DATABASE {LIVE} WITH (FORCE);".encode()


def test_what_lies_in_quotes_only_together_with_the_entry_before(attacked: Attacked, tmp_path: Path) -> None:
    """pg_restore sends each entry by itself; only in its script would the second be a part of the first's string."""
    opening = b"COMMENT ON TABLE public.patients IS '"
    closing = b"'; " + EVIL + b" --';"
    bundle = attacked.archive(
        tmp_path / "dump",
        BundleKind.DIRECTORY,
        (definition(attacked, "patients"), opening),
        (definition(attacked, "visits"), closing),
    )
    assert attacked.is_refused(bundle).reference == "bundle-unsafe-statement"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"COPY public.patients (id, name) FROM stdin;\n", b"COPY public.patients FROM PROGRAM 'id';"),
        (b"COPY public.patients (id, name) FROM stdin;\n", b"COPY pg_catalog.pg_authid FROM stdin;"),
        (b"COPY public.patients (id, name) FROM stdin;\n", b"COPY public.patients FROM '/etc/passwd'"),
        (b"COPY public.patients (id, name) FROM stdin;\n", b"DROP TABLE public.patients;"),
        (b"COPY public.patients (id, name) FROM stdin;\n", b"DROP DATABASE attacked;"),
        (b"COPY public.patients (id, name) FROM stdin;\n", b"TABLE public.patients; VACUUM"),
        (b"SELECT pg_catalog.set_config('search_path', '', false);\n", b"DROP DATABASE attacked WITH (FORCE);"),
        (b"SELECT pg_catalog.set_config('search_path', '', false);\n", b"SELECT public.spy();"),
        (b"SET standard_conforming_strings = 'on';\n", b"SET standard_conforming_strings='off';"),
        (b"SET client_encoding = 'UTF8';\n", b"SET client_encoding = 'SJIS';"),
        (b"SELECT pg_catalog.setval('public.tickets', 1, false);\n", b"DROP DATABASE attacked WITH (FORCE);"),
        (b"SELECT pg_catalog.setval('public.tickets', 1, false);\n", b"SELECT public.spy();"),
        (b"DROP FUNCTION public.spy();\n", b"DROP DATABASE attacked;"),
        (b"DROP FUNCTION public.spy();\n", b"DROP AGGREGATE a; VACUUM"),
        (b"DROP FUNCTION public.spy();\n", b"DROP TYPE x; COMMENT ' "),
    ],
)
def test_in_an_archives_other_texts(attacked: Attacked, tmp_path: Path, old: bytes, new: bytes) -> None:
    bundle = attacked.archive(tmp_path / "dump", BundleKind.DIRECTORY, (old, new))
    error = attacked.is_refused(bundle)
    # An encoding that the tool itself does not take is the tool's to refuse.
    assert error.reference in REFUSED | ({"load-failed"} if b"standard_conf" in new or b"DROP AGG" in new else set())


def test_hidden_in_another_section(attacked: Attacked, tmp_path: Path) -> None:
    """An entry says itself to which section it belongs; what is restored does not depend on that."""
    old = definition(attacked, "patients")
    bundle = attacked.archive(tmp_path / "dump", BundleKind.DIRECTORY, (old, EVIL))
    toc = bundle.path / "toc.dat"
    content = toc.read_bytes()
    at = content.index(EVIL) - 5 - 5  # before the text's length, the section's number
    assert content[at : at + 5] == b"\0\1\0\0\0"
    for section in (1, 2, 3, 4):
        toc.write_bytes(content[:at] + bytes([0, section, 0, 0, 0]) + content[at + 5 :])
        assert attacked.is_refused(bundle).reference == "bundle-unsafe-statement"


def test_as_the_definition_of_rows(attacked: Attacked, tmp_path: Path) -> None:
    """An entry that says it has rows is not passed over for that."""
    old = definition(attacked, "patients")
    bundle = attacked.archive(tmp_path / "dump", BundleKind.DIRECTORY, (old, EVIL))
    toc = bundle.path / "toc.dat"
    content = toc.read_bytes()
    entry = next(
        entry for entry in _entries(bundle) if entry.kind == "COMMENT" and entry.definition.startswith(EVIL[:20])
    )
    number = b"\0" + entry.number.to_bytes(4, "little") + b"\0\0\0\0\0"
    assert content.count(number) >= 1
    toc.write_bytes(content.replace(number, number[:6] + b"\1\0\0\0", 1))
    assert attacked.is_refused(bundle).reference in {"bundle-unsafe-statement", "bundle-unreadable"}


def _entries(bundle: FetchedBundle) -> list[TocEntry]:
    return list(read_toc(bundle.path, bundle.kind))


@pytest.mark.parametrize(
    "row",
    [
        f"INSERT INTO public.patients VALUES (1, 'x') -- ; DROP DATABASE {LIVE};\n;\n",
        f"-- ; DROP DATABASE {LIVE};\n",
        "INSERT INTO public.patients VALUES (1, public.spy());\n",
        f"INSERT INTO public.patients VALUES (1, 'x'); DROP DATABASE {LIVE};\n",
        "INSERT INTO public.patients VALUES (1, $$x$$);\n",
        "INSERT INTO public.patients VALUES (1, 'x\n",
        f"DROP DATABASE {LIVE};\n",
    ],
)
def test_rows_as_inserts_in_an_archive(attacked: Attacked, tmp_path: Path, row: str) -> None:
    bundle = inserts(attacked, tmp_path / "dump")
    attacked_rows = next(path for path in bundle.path.glob("*.dat") if b"patients VALUES" in path.read_bytes())
    ArchiveCheck(PgTools(find_bin_dir())).check(bundle.path, bundle.kind)
    attacked_rows.write_text(row + attacked_rows.read_text())
    assert attacked.is_refused(bundle).reference == "bundle-unsafe-statement"


def inserts(attacked: Attacked, path: Path, form: str = "directory") -> FetchedBundle:
    command = [str(find_bin_dir() / "pg_dump"), f"--format={form}", "--inserts", "--compress=0"]
    dsn = attacked.server.connections.tool_environment(LIVE)
    subprocess.run([*command, f"--file={path}"], check=True, env=dict(dsn))  # noqa: S603 -- our own tool
    return FetchedBundle(BundleKind.DIRECTORY, path, None, 1, "prod_evil")


@pytest.mark.parametrize(
    "statement",
    [
        "COPY public.patients (id, name) FROM stdin;\n77\tx\n\\.\nDROP DATABASE {live}",
        "COPY public.patients (id, name) FROM stdin;\n77\tx\n\\.\r\nDROP DATABASE {live}",
        "COPY public.patients FROM stdin WITH (FORMAT csv);\n1,x\n\\.\nSET xmloption = content",
        "copy public.patients from stdin;\n1\tx\n\\.\nDROP DATABASE {live}",
        "COPY public.patients (id, name) FROM stdin WHERE public.spy();\n1\tx\n\\.\nSET xmloption = content",
        "COPY pg_authid FROM stdin;\n1\n\\.\nSET xmloption = content",
        (
            "CREATE FUNCTION public.q() RETURNS text LANGUAGE sql AS '\nCOPY public.patients FROM stdin;\n'; "
            "DROP DATABASE {live}; --\n\\.\n"
        ),
        "CREATE TABLE public.z (a int)\nCOPY public.patients FROM stdin;\nDROP DATABASE {live};\n\\.\n",
        "INSERT INTO public.patients VALUES (1, 'it''s');\nDROP DATABASE {live}",
        (
            "INSERT INTO public.patients VALUES (1, 'a\nINSERT INTO public.patients VALUES (2, ''b'');\n'); "
            "DROP DATABASE {live}"
        ),
        "\\! id\nSET xmloption = content",
        "\\connect {live}\nSET xmloption = content",
    ],
)
def test_around_rows_of_a_plain_dump(attacked: Attacked, tmp_path: Path, statement: str) -> None:
    error = attacked.is_refused(attacked.plain(tmp_path / "dump.sql", filled(statement)))
    assert error.reference == "bundle-unsafe-statement"


def test_the_line_is_named_and_the_statement_is_not_quoted(attacked: Attacked, tmp_path: Path) -> None:
    bundle = attacked.plain(tmp_path / "dump.sql", filled("DROP DATABASE {live}"))
    line = bundle.path.read_text().splitlines().index(f"DROP DATABASE {LIVE};") + 1
    error = attacked.is_refused(bundle)
    assert error.message == (
        f"DROP DATABASE at line {line} of prod_evil: pg_dump does not write that for one database."
    )
    assert "Nothing of it was run" in error.hint


def test_what_the_live_database_has_may_come_again(tmp_path: Path) -> None:
    """A server with other options, or a mapping for another role, is another one."""
    known = {
        ("fdw", "files", ""),
        ("foreign_server", "elsewhere", ""),
        ("server", "elsewhere", "files\nhost=there"),
        ("mapping", "elsewhere", "public"),
        ("extension", "dblink", ""),
    }
    same = tmp_path / "same.sql"
    same.write_text(
        "CREATE EXTENSION dblink;\nCREATE FOREIGN DATA WRAPPER files;\n"
        "CREATE SERVER elsewhere FOREIGN DATA WRAPPER files OPTIONS (\n    host 'there'\n);\n"
        "ALTER SERVER elsewhere OWNER TO me;\nCREATE USER MAPPING FOR PUBLIC SERVER elsewhere;\n"
    )
    check_plain(same, lambda: known)
    other = tmp_path / "other.sql"
    other.write_text(same.read_text().replace("'there'", "'attacker'"))
    with pytest.raises(PermanentError) as error:
        check_plain(other, lambda: known)
    assert error.value.reference == "bundle-foreign-object"


@pytest.mark.parametrize("kind", [*FORMATS, BundleKind.PLAIN])
def test_untouched_they_are_loaded(attacked: Attacked, tmp_path: Path, kind: BundleKind) -> None:
    """The same bundles, with a comment instead of an attack."""
    if kind is BundleKind.PLAIN:
        bundle = attacked.plain(tmp_path / "dump", "COMMENT ON TABLE public.patients IS 'harmless';")
    else:
        harmless = b"COMMENT ON TABLE public.patients IS 'harmless; DROP DATABASE attacked;';"
        bundle = attacked.archive(tmp_path / "dump", kind, (definition(attacked, "patients"), harmless))
    side = attacked.sides.load("r1", bundle, ignore)
    try:
        with psycopg.connect(attacked.superuser_dsn.replace(f"/{LIVE}", f"/{side}"), autocommit=True) as conn:
            assert conn.execute("SELECT count(*) FROM patients").fetchall() == [(50,)]
    finally:
        attacked.sides.drop(side)

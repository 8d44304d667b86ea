"""SQL taken apart, whatever the pieces it comes in."""

import pytest

from bot.adapters.database.inplace.loading import _ours
from bot.adapters.database.inplace.splitting import CutShortError, ScriptReader
from bot.errors import PermanentError

SCRIPT = rb"""--
-- PostgreSQL database dump; with a semicolon
--

\restrict k1

SET statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);

-- Name: it; Type: FUNCTION
CREATE FUNCTION public.f(a text DEFAULT E'it\'s; \\') RETURNS text LANGUAGE sql AS $_$SELECT ';' || $1; -- $$ ' "$_$;
CREATE FUNCTION public.g(x integer) RETURNS integer LANGUAGE sql
    BEGIN ATOMIC
 SELECT
         CASE
             WHEN (x > 0) THEN 1
             ELSE 2
         END AS "end;";
 SELECT 'END;' AS x;
END;
CREATE RULE both AS ON UPDATE TO public.t DO ALSO (INSERT INTO public.log VALUES (1); NOTIFY t);
CREATE TABLE public."odd; ""name
on two lines" ("a;b" integer DEFAULT 1, c text DEFAULT 'it''s; \');

COPY public."odd; ""name
on two lines" ("a;b", c) FROM stdin;
1	x;y
\\.	\\N
2	'unclosed "quote -- $$

3	\N
\.


COPY public.empty (id) FROM stdin;
\.


SELECT pg_catalog.setval('public.s', 3, true);
\unrestrict k1
"""
HEADS = [
    b"SET statement_timeout",
    b"SELECT pg_catalog.set_config",
    b"CREATE FUNCTION public.f",
    b"CREATE FUNCTION public.g",
    b"CREATE RULE both",
    b'CREATE TABLE public."odd',
    b'COPY public."odd',
    b"COPY public.empty",
    b"SELECT pg_catalog.setval",
]


def parts_of(script: bytes, size: int) -> list[tuple[bytes, bytes | None]]:
    reader = ScriptReader(iter([script[at : at + size] for at in range(0, len(script), size)]))
    return [(part.statement, None if part.rows is None else b"".join(part.rows)) for part in reader.parts()]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_statements_and_rows(size: int) -> None:
    found = parts_of(SCRIPT, size)
    assert [statement[: len(head)] for (statement, _), head in zip(found, HEADS, strict=True)] == HEADS
    assert all(statement.endswith(b";") for statement, _ in found)
    assert found[3][0].endswith(b"END;")
    rows = b"1\tx;y\n\\\\.\t\\\\N\n2\t'unclosed \"quote -- $$\n\n3\t\\N\n"
    assert [taken for _, taken in found if taken is not None] == [rows, b""]


def test_rows_nobody_takes_are_passed_over() -> None:
    assert len([part.statement for part in ScriptReader(iter([SCRIPT])).parts()]) == len(HEADS)


@pytest.mark.parametrize("end", [b"SELECT 1", b"SELECT 'x;", b"COPY t (a) FROM stdin;\n1\n", b"SELECT $a$ ; $b$;"])
def test_what_is_cut_short_is_noticed(end: bytes) -> None:
    with pytest.raises(CutShortError):
        parts_of(b"SELECT 1;\n" + end, 5)


@pytest.mark.parametrize(
    "statement",
    [
        b"COMMIT AND CHAIN;",
        b"rollback;",
        b"END;",
        b"ABORT;",
        b"START  TRANSACTION;",
        b"PREPARE TRANSACTION 'x';",
        b"SAVEPOINT a;",
        b"RELEASE a;",
        b"SET SESSION AUTHORIZATION postgres;",
        b"SET CONSTRAINTS ALL IMMEDIATE;",
        b"SET client_encoding = 'LATIN1';",
    ],
)
def test_what_would_touch_the_transaction_or_the_session_is_refused(statement: bytes) -> None:
    with pytest.raises(PermanentError, match="load-failed"):
        _ours(statement)


def test_settings_are_left_out_and_an_objects_setting_lasts_for_the_transaction() -> None:
    for statement in (
        b"SET row_security = off;",
        b"SELECT pg_catalog.set_config('search_path', '', false);",
        b"BEGIN;",
    ):
        assert _ours(statement) == b""
    assert _ours(b"SET default_tablespace = fast;") == b"SET LOCAL default_tablespace = fast;"
    assert _ours(b"COMMIT;") == b""
    assert _ours(b"COMMENT ON TABLE t IS 'x';") == b"COMMENT ON TABLE t IS 'x';"

"""What a request shows is what a chain commits on a real database: names, publications, grants, rare objects."""

import psycopg
import pytest

from tests.engine.runs.steps.test_run_chain_in_postgres import SHAPES, Ward
from tests.engine.runs.steps.test_run_chain_in_postgres import ward as ward  # noqa: PLC0414 -- a fixture, shared

PUBLICATIONS = SHAPES + "CREATE PUBLICATION ours FOR TABLE shapes, seen;"
FOR_ALL = "CREATE PUBLICATION everything FOR ALL TABLES; CREATE PUBLICATION whole FOR TABLES IN SCHEMA public"
RENAMES = (
    'ALTER TABLE shapes RENAME COLUMN m TO "k.k";',
    'ALTER TABLE shapes RENAME TO "new.shapes";',
    "ALTER VIEW shown RENAME TO seen_by_all;",
    "ALTER FUNCTION code(int) RENAME TO coding;",
    "CREATE SCHEMA aside;",
    "ALTER TABLE seen SET SCHEMA aside;",
    'UPDATE "new.shapes" SET n = 7 WHERE id = 1;',
)


def named(ward: Ward) -> str:
    """Everything that the plan names."""
    plan = ward.plan
    lines = [f"- {drop.kind} {drop.identity}" for drop in plan.drops]
    lines += [f"= {each.kind} {each.identity} → {each.to} ({each.rows})" for each in plan.renames]
    lines += [f"~ {each.identity}: {', '.join(each.words)}" for each in plan.changes or () if each.how != "follows"]
    return "\n".join([*lines, *(f"! {warning}" for warning in plan.warnings)])


def test_renames_of_tables_keep_their_rows(ward: Ward) -> None:
    ward.has(SHAPES)
    ward.undoes(*RENAMES)
    ward.succeeds()

    assert ward.plan.drops == ()
    assert 'table public.shapes → public."new.shapes" (5)' in named(ward)
    assert 'table column public.shapes.m → public."new.shapes"."k.k"' in named(ward)
    assert "table public.seen → aside.seen (0)" in named(ward)
    assert [row.table for row in ward.plan.rows] == ["public.shapes"], "the update's alone"
    with psycopg.connect(ward.clone.owner_dsn) as conn:
        assert conn.execute('SELECT count(*), count("k.k") FROM "new.shapes"').fetchall() == [(5, 5)]


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        ("ALTER PUBLICATION ours DROP TABLE seen;", "- publication relation public.seen in publication ours"),
        ("DROP PUBLICATION IF EXISTS ours;", "- publication ours"),
        ("DROP TABLE seen;", "- publication relation public.seen in publication ours"),
        ("CREATE PUBLICATION more FOR TABLE coded;", "! New publication more"),
        ("ALTER PUBLICATION ours RENAME TO theirs;", "= publication ours → theirs"),
        ("ALTER PUBLICATION ours SET (publish = 'insert');", "~ ours: pubdelete true → false"),
        ("CREATE TABLE t (id int); GRANT SELECT ON t TO PUBLIC;", "! PUBLIC may now SELECT: table public.t."),
        ("ALTER SEQUENCE feature_flags_id_seq RESTART;", "~ public.feature_flags_id_seq: its next value is set"),
        ("CREATE COLLATION co (locale = 'POSIX'); ALTER COLLATION co RENAME TO cp;", "~ public.cp: "),
        ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;", "! PUBLIC may now SELECT: default acl"),
    ],
)  # fmt: skip
def test_what_is_shown_is_what_is_committed(ward: Ward, statements: str, told: str) -> None:
    ward.has(PUBLICATIONS)
    with psycopg.connect(ward.clone.superuser_dsn, autocommit=True) as conn:
        conn.execute(FOR_ALL.encode())
    ward.undoes(*statements.split("\n"))
    ward.succeeds()

    assert told in named(ward)
    assert "every" not in "".join(drop.identity for drop in ward.plan.drops if drop.kind == "publication")

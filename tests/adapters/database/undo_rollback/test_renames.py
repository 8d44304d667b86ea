"""Identities are translated both ways, and renames are taken back in an order in which each name is there."""

import pytest

from bot.adapters.database.undo_rollback.renames import Renames

RENAMES = Renames(
    (
        ("schema", "s", '"S 2"'),
        ("table", 's."a.b"', '"S 2"."d e"'),
        ("table column", 's."a.b".x', '"S 2"."d e"."z.z"'),
        ("function", "s.f(integer)", '"S 2".g(integer)'),
        ("trigger", 'before_it on s."a.b"', 'after_it on "S 2"."d e"'),
        ("table constraint", 'k on s."a.b"', 'l on "S 2"."d e"'),
    )
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('s."a.b"', '"S 2"."d e"'),
        ('s."a.b".x', '"S 2"."d e"."z.z"'),
        ('s."a.b".y', '"S 2"."d e".y'),
        ('other on s."a.b"', 'other on "S 2"."d e"'),
        ("s.untouched", '"S 2".untouched'),
        ("public.s", "public.s"),
    ],
)
def test_identities_go_both_ways(before: str, after: str) -> None:
    assert RENAMES.after(before) == after
    assert RENAMES.before(after) == before


def test_a_column_has_its_name_from_before() -> None:
    assert RENAMES.column_before('"S 2"."d e"', "z.z") == "x"
    assert RENAMES.column_before('"S 2"."d e"', "y") == "y"


def test_schemas_come_first_and_parts_last() -> None:
    assert RENAMES.statements == (
        'ALTER SCHEMA "S 2" RENAME TO s',
        'ALTER TABLE s."d e" RENAME TO "a.b"',
        "ALTER FUNCTION s.g(integer) RENAME TO f",
        'ALTER TABLE s."a.b" RENAME COLUMN "z.z" TO x',
        'ALTER TRIGGER after_it ON s."a.b" RENAME TO before_it',
        'ALTER TABLE s."a.b" RENAME CONSTRAINT l TO k',
    )


def test_a_table_is_moved_back_before_it_is_renamed() -> None:
    moved = Renames((("table", "public.t", "other.u"),))
    assert moved.statements == ("ALTER TABLE other.u SET SCHEMA public", "ALTER TABLE public.u RENAME TO t")

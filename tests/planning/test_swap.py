"""Rows that a swap takes away: net, those of whole tables first, then the largest losses."""

from bot.domain.backups import TableContent
from bot.domain.catalogue import TableSize
from bot.domain.planned import PlannedLoss
from bot.planning.swap import find_lost_rows

NOW = [TableSize("public.patients", 1000, 1), TableSize("public.flags", 42, 1), TableSize("public.rooms", 7, 1)]


def test_tables_are_compared_by_their_rows() -> None:
    then = [TableContent("public.patients", 900), TableContent("public.rooms", 7), TableContent("public.visits", 3)]

    assert find_lost_rows(NOW, then) == (
        PlannedLoss("public.flags", 42, 0, gone=True),
        PlannedLoss("public.patients", 1000, 900, gone=False),
        PlannedLoss("public.visits", 0, 3, gone=False),
    )


def test_an_extensions_own_rows_are_left_out() -> None:
    extension = TableContent("public.part_config", 5, of_extension=True)

    assert find_lost_rows([], [extension]) == ()

"""What a swap takes away: rows per table now against those that come."""

from collections.abc import Iterable

from bot.domain.backups import TableContent
from bot.domain.catalogue import TableSize
from bot.domain.plans import PlannedLoss


def losses_of(now: Iterable[TableSize], then: Iterable[TableContent]) -> tuple[PlannedLoss, ...]:
    """Tables that will have another number of rows, those that lose most first; tables that go before those."""
    come = {content.table: content.rows for content in then}
    here = {size.table: size.rows for size in now}
    found = [
        PlannedLoss(table, here.get(table, 0), come.get(table, 0), gone=table not in come)
        for table in {*here, *come}
        if table not in come or here.get(table, 0) != come[table]
    ]
    return tuple(sorted(found, key=lambda loss: (not loss.gone, loss.rows_then - loss.rows_now, loss.table)))

"""Fakes the comparison of databases."""

from collections.abc import Callable, Sequence

from bot.domain.row_recovery import RecoveredTable, Salvage, SkippedTable
from bot.domain.runs import Progress
from bot.errors import BotError
from bot.ports import Report


class FakeRowRecovery:
    """A `bot.ports.RowRecovery`; `errors` are raised one after the other before it works."""

    def __init__(self) -> None:
        self.found = Salvage(
            (RecoveredTable('"public"."visits"', 214, 2, 7),),
            (SkippedTable('"public"."log"', "it has no primary key"),),
            12,
        )
        self.errors: list[BotError] = []
        self.compared: list[str] = []

    def write_sql(self, kept: str, about: Sequence[str], write: Callable[[bytes], None], report: Report) -> Salvage:
        self.compared.append(kept)
        report(Progress(1, 12, "tables"))
        write("".join(f"-- {line}\n" for line in about).encode())
        if self.errors:
            raise self.errors.pop(0)
        return self.found

"""Databases beside the live one, as far as verifying a bundle needs them."""

from collections.abc import Sequence

from bot.domain.backups import TableContent
from bot.domain.runs import Progress
from bot.errors import BotError
from bot.ports import FetchedBundle, Report


class FakeSides:
    """Part of a `bot.ports.Sides`: what is loaded holds what the manifest says, but for `changed`."""

    def __init__(self) -> None:
        self.databases: dict[str, tuple[TableContent, ...]] = {}
        self.changed: dict[str, TableContent | None] = {}
        self.load_error: BotError | None = None
        self.loads = 0

    def name(self, kind: str, run_id: str) -> str:
        return f"physioflow_backstop_{kind}_{run_id}"

    def load(self, run_id: str, bundle: FetchedBundle, report: Report) -> str:
        self.loads += 1
        report(Progress(0, bundle.size_bytes, "bytes"))
        if self.load_error is not None:
            raise self.load_error
        name = self.name("side", run_id)
        self.databases[name] = bundle.manifest.tables if bundle.manifest else ()
        return name

    def contents(self, name: str, report: Report) -> Sequence[TableContent]:
        report(Progress(0, len(self.databases[name]), "tables"))
        found = {content.table: content for content in self.databases[name]} | self.changed
        return [content for content in found.values() if content is not None]

    def drop(self, name: str) -> None:
        self.databases.pop(name, None)

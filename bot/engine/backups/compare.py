"""Compares a database that was loaded from a bundle with what should be in it."""

from collections.abc import Sequence

from bot.domain.backups import Backup, TableContent
from bot.errors import PermanentError

_SHOWN = 5


def compare(backup: Backup, found: Sequence[TableContent]) -> None:
    """Refuse a database that is not what the manifest says, or what level 3 found in a bundle without a manifest.

    A hash that either side has not is not compared. A bundle of which neither is known is compared with nothing.

    Raises:
        PermanentError: ``bundle-differs`` names the tables.
    """
    said = backup.contents
    if said is None:
        return
    wrong = differences(said, found)
    if wrong:
        what = "its manifest says" if backup.manifest else "level 3 found in it"
        raise PermanentError("bundle-differs", f"Restored, it is not what {what}: {in_short(wrong)}.")


def differences(said: Sequence[TableContent], there: Sequence[TableContent]) -> list[str]:
    """Name every table that is not as was said, one phrase each; a hash that either has not is not compared.

    Nor are rows that an extension keeps, where nothing was said of them: older manifests have none of those.
    """
    wanted = {content.table: content for content in said}
    found = {content.table: content for content in there if content.table in wanted or not content.of_extension}
    every = sorted({*wanted, *found})
    return [line for table in every if (line := _difference(wanted.get(table), found.get(table)))]


def in_short(wrong: Sequence[str], what: str = "tables") -> str:
    """The first few of them, and how many more there are."""
    more = f"; and {len(wrong) - _SHOWN} more {what}" if len(wrong) > _SHOWN else ""
    return f"{'; '.join(wrong[:_SHOWN])}{more}"


def _difference(said: TableContent | None, there: TableContent | None) -> str:
    if said is None or there is None:
        return f"{there.table} is in no manifest" if there else f"{said.table if said else ''} is missing"
    if said.rows != there.rows:
        return f"{said.table} has {there.rows:,} rows instead of {said.rows:,}"
    if said.content_hash and there.content_hash and said.content_hash != there.content_hash:
        return f"{said.table} has other content"
    return ""

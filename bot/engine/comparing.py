"""Whether a database that was loaded from a bundle is what the bundle's manifest says."""

from collections.abc import Sequence

from bot.domain.backups import Backup, TableContent
from bot.errors import PermanentError

_SHOWN = 5


def compare(backup: Backup, found: Sequence[TableContent]) -> None:
    """Refuse a database that is not what the manifest says; a hash that either side has not is not compared.

    Raises:
        PermanentError: ``bundle-differs`` names the tables.
    """
    said = {content.table: content for content in (backup.manifest.tables if backup.manifest else ())}
    there = {content.table: content for content in found}
    wrong = [line for table in sorted({*said, *there}) if (line := _difference(said.get(table), there.get(table)))]
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more tables" if len(wrong) > _SHOWN else ""
        raise PermanentError(
            "bundle-differs", f"Restored, it is not what its manifest says: {'; '.join(wrong[:_SHOWN])}{more}."
        )


def _difference(said: TableContent | None, there: TableContent | None) -> str:
    if said is None or there is None:
        return f"{there.table} is in no manifest" if there else f"{said.table if said else ''} is missing"
    if said.rows != there.rows:
        return f"{said.table} has {there.rows:,} rows instead of {said.rows:,}"
    if said.content_hash and there.content_hash and said.content_hash != there.content_hash:
        return f"{said.table} has other content"
    return ""

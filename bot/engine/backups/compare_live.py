"""Compares a bundle that no signed manifest describes with the live database, and recognises parts of a database."""

from collections.abc import Sequence

from bot.domain.backups import Backup, TableContent
from bot.domain.catalogue import DatabaseFacts
from bot.engine.context import EnvironmentServices
from bot.errors import BotError, PermanentError
from bot.planning.live_comparison import Contents, LiveComparison, compare_with_live
from bot.planning.restore import PARTIAL
from bot.ports import BundleReader, FetchedBundle

NO_MANIFEST = "no manifest to compare content with"


def check_shape(reader: BundleReader, bundle: FetchedBundle) -> None:
    """Refuse a dump that was made of definitions or of rows alone. One with a manifest is compared with that.

    Raises:
        PermanentError: ``bundle-partial``; ``bundle-unreadable``.
    """
    if bundle.manifest is not None:
        return
    entries = reader.count_entries(bundle)
    if entries.definitions and not entries.rows:
        raise _partial(f"schema only: it defines {entries.definitions:,} tables and has rows of none")
    if entries.rows and not entries.definitions:
        raise _partial(f"data only: it has rows of {entries.rows:,} tables and defines none")
    if not entries.definitions:
        raise _partial("it has no table")


def prove_likeness(env: EnvironmentServices, name: str, backup: Backup, tables: Sequence[TableContent]) -> str:
    """Compare a loaded bundle that is not signed with the live database; return what was and was not compared.

    Args:
        env: the environment; a live database that cannot be read is compared with nothing, and named.
        name: of the side database that holds it.
        backup: the bundle; "" is returned for a signed one.
        tables: what is in the side database.

    Raises:
        PermanentError: ``bundle-partial``, of a bundle without a manifest.
        BotError: the side database cannot be read.
    """
    if backup.is_signed:
        return ""
    rows = {content.table: content.rows for content in tables if not content.of_extension}
    loaded = Contents(rows, env.sides.catalogue(name), _versions(env.sides.inspect(name)))
    found = _compare(env, loaded)
    if isinstance(found, LiveComparison) and found.partial and backup.manifest is None:
        raise _partial(f"{found.partial}; {found}")
    return str(found) if backup.manifest else f"{found}; {NO_MANIFEST}"


def _compare(env: EnvironmentServices, loaded: Contents) -> LiveComparison | str:
    """Compare, or say why that is not possible: a restore must be possible while the live database is in trouble."""
    database = env.database
    try:
        sizes = database.measure(database.stored_tables())
        live = Contents({size.table: size.rows for size in sizes}, database.catalogue(), _versions(database.inspect()))
    except BotError as error:
        return f"compared with nothing: the live database cannot be read ({error.reference})"
    return compare_with_live(loaded, live)


def _versions(facts: DatabaseFacts) -> frozenset[int] | None:
    return frozenset(migration.version for migration in facts.applied) if facts.unread is None else None


def _partial(why: str) -> PermanentError:
    return PermanentError(
        PARTIAL,
        f"This is a part of a database: {why}.",
        "A restore replaces the whole database, so it needs a whole one: choose another backup. Tables in the live "
        "database that no backup has to have can be moved to another database first; then verify again.",
    )

"""Gather facts: read-only, nothing is changed."""

from collections.abc import Mapping

from bot.domain.backups import Backup
from bot.domain.catalogue import DatabaseFacts
from bot.domain.migrations import DownScript
from bot.engine.context import Site, Workplace
from bot.planning.facts import Facts


def inspect(workplace: Workplace, site: Site, own_run: str = "", *, undoing: int | None = None) -> Facts:
    """Observe an environment.

    Args:
        workplace: the ports.
        site: the environment.
        own_run: a run that may hold the environment without being in the way.
        undoing: the oldest migration that a chain is to undo; None where no chain is wanted: an invalid script is in
            no restore's way.

    Raises:
        BotError: what an observation raised; a plan is never made from half the facts.
    """
    name = site.environment.name
    active = workplace.journal.active_run(name)
    database = site.database.inspect()
    scripts = workplace.scripts.load() if undoing is not None else {}
    return Facts(
        environment=site.environment,
        database=database,
        cluster=site.cluster.inspect(),
        scripts=scripts,
        matrix=workplace.matrix,
        backups=_instead(site, database, scripts, undoing),
        frozen=workplace.journal.frozen(name),
        active=active if active is not None and active.id != own_run else None,
        missing_rights=tuple(site.cluster.missing_rights()),
    )


def _instead(
    site: Site, database: DatabaseFacts, scripts: Mapping[int, DownScript], undoing: int | None
) -> tuple[Backup, ...]:
    """The bundle to suggest where the chain lacks a script; looked for only then, because a bucket may be large."""
    applied = {migration.version for migration in database.applied}
    if undoing is None or all(version in scripts for version in applied if version >= undoing):
        return ()
    older = site.store.newest_before(undoing)
    return (older,) if older is not None else ()

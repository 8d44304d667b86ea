"""Gather facts: read-only, nothing is changed."""

from collections.abc import Mapping

from bot.domain.backups import Backup
from bot.domain.catalogue import DatabaseFacts
from bot.domain.migrations import DownScript
from bot.engine.context import EnvironmentServices, Services
from bot.planning.facts import Facts


def inspect(services: Services, env: EnvironmentServices, own_run: str = "", *, undoing: int | None = None) -> Facts:
    """Observe an environment.

    Args:
        services: the ports.
        env: the environment.
        own_run: a run that may hold the environment without being in the way.
        undoing: the oldest migration that a chain is to undo; None where no chain is wanted: an invalid script is in
            no restore's way.

    Raises:
        BotError: what an observation raised; a plan is never made from half the facts.
    """
    name = env.environment.name
    active = services.journal.runs.active(name)
    database = env.database.inspect()
    scripts = services.scripts.load() if undoing is not None else {}
    return Facts(
        environment=env.environment,
        database=database,
        cluster=env.cluster.inspect(),
        scripts=scripts,
        matrix=services.matrix,
        backups=_instead(env, database, scripts, undoing),
        frozen=services.journal.freezes.frozen(name),
        active=active if active is not None and active.id != own_run else None,
        missing_rights=tuple(env.cluster.missing_rights()),
    )


def _instead(
    env: EnvironmentServices, database: DatabaseFacts, scripts: Mapping[int, DownScript], undoing: int | None
) -> tuple[Backup, ...]:
    """The bundle to suggest where the chain lacks a script; looked for only then, because a bucket may be large."""
    applied = {migration.version for migration in database.applied}
    if undoing is None or all(version in scripts for version in applied if version >= undoing):
        return ()
    older = env.store.newest_before(undoing)
    return (older,) if older is not None else ()

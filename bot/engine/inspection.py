"""Gather facts: read-only, nothing is changed."""

from bot.engine.workplace import Site, Workplace
from bot.planning.facts import Facts


def inspect(workplace: Workplace, site: Site, own_run: str = "", *, for_chain: bool = True) -> Facts:
    """Observe an environment.

    Args:
        workplace: the ports.
        site: the environment.
        own_run: a run that may hold the environment without being in the way.
        for_chain: whether scripts, and bundles to suggest, are wanted; an invalid script is in no restore's way.

    Raises:
        BotError: what an observation raised; a plan is never made from half the facts.
    """
    name = site.environment.name
    active = workplace.journal.active_run(name)
    return Facts(
        environment=site.environment,
        database=site.database.inspect(),
        cluster=site.cluster.inspect(),
        scripts=workplace.scripts.load() if for_chain else {},
        matrix=workplace.matrix,
        backups=tuple(site.store.list_backups()) if for_chain else (),
        frozen=workplace.journal.frozen(name),
        active=active if active is not None and active.id != own_run else None,
        missing_rights=tuple(site.cluster.missing_rights()),
    )

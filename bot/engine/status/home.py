"""The Home tab: where every environment stands, and the keeping of it up to date."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.domain.backups import Backup, BackupPage
from bot.domain.catalogue import DatabaseFacts
from bot.domain.runs import Run
from bot.domain.workloads import ClusterFacts
from bot.engine.approvals.authorization import Readers, check_reader
from bot.engine.backups.retention import kept_databases
from bot.engine.context import EnvironmentServices, Services
from bot.engine.status.cached_reads import CachedRead, CachedReads, Deadline
from bot.engine.status.queries import is_serving
from bot.errors import BotError, PermanentError
from bot.ports import EnvironmentSummary, HomeFacts, KeptDatabase

PATIENCE_S = 2.0
KEEP_S = 2.0
BUNDLES_LOOKED_AT = 50
PROVEN_LEVEL = 3
VISITED_WITHIN_S = 7 * 86_400.0
REFRESH_EVERY_S = 60.0
REFRESH_LEAST_S = 3.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Looks:
    """What is being looked up of one environment."""

    database: CachedRead[DatabaseFacts]
    cluster: CachedRead[ClusterFacts]
    bundles: CachedRead[BackupPage]
    kept: CachedRead[tuple[KeptDatabase, ...]]


def gather(services: Services, cached_reads: CachedReads, *, patience_s: float = PATIENCE_S) -> HomeFacts:
    """Look at every environment. One that does not answer says so, and keeps no other waiting for it.

    Raises:
        BotError: the journal does not answer.
    """
    envs = sorted(services.envs.values(), key=lambda env: (not env.environment.production, env.environment.name))
    looks = [_begin(services, cached_reads, env) for env in envs]
    follow_ups = services.journal.runs.open_follow_ups()
    summaries = [_of_journal(services, env, follow_ups) for env in envs]
    until = services.clock.monotonic() + patience_s
    seen = []
    for env, look, summary in zip(envs, looks, summaries, strict=True):
        left_s = until - services.clock.monotonic()
        seen.append(_of_world(env, look, summary, Deadline(services.clock, left_s)))
    return HomeFacts(tuple(seen), services.clock.now())


def _begin(services: Services, cached_reads: CachedReads, env: EnvironmentServices) -> _Looks:
    name = env.environment.name
    return _Looks(
        cached_reads.begin(("database", name), env.database.inspect, KEEP_S),
        cached_reads.begin(("cluster", name), env.cluster.inspect, KEEP_S),
        cached_reads.begin(("home bundles", name), lambda: env.store.list_page("", 0, BUNDLES_LOOKED_AT), KEEP_S),
        cached_reads.begin(("kept", name), lambda: tuple(kept_databases(services, env)), KEEP_S),
    )


def _of_journal(services: Services, env: EnvironmentServices, follow_ups: Sequence[Run]) -> EnvironmentSummary:
    environment = env.environment
    run = services.journal.runs.active(environment.name)
    return EnvironmentSummary(
        environment.name,
        environment.production,
        environment.incident_channel,
        environment.approval.quorum,
        run=run,
        votes=tuple(services.journal.votes.current(run.id)) if run is not None else (),
        frozen=services.journal.freezes.frozen(environment.name),
        last_drill=next(iter(services.drills.history(environment.name, 1)), None),
        follow_ups=tuple(open_ for open_ in follow_ups if open_.environment == environment.name),
    )


def _of_world(
    env: EnvironmentServices, looks: _Looks, known: EnvironmentSummary, patience: Deadline
) -> EnvironmentSummary:
    database = patience.take(looks.database, "The database does not answer")
    cluster = patience.take(looks.cluster, "The cluster does not answer")
    page = patience.take(looks.bundles, "The bucket cannot be listed")
    kept = patience.take(looks.kept, "Kept databases cannot be listed") if database is not None else ()
    bundles = page.backups if page is not None else ()
    return replace(
        known,
        schema=database.schema if database is not None and database.accepts_connections else None,
        app_version=_app_version(env, cluster) if cluster is not None else "",
        serving=is_serving(cluster) if cluster is not None else None,
        newest=bundles[0] if bundles else None,
        proven=next((backup for backup in bundles if _is_proven(backup)), None),
        kept=kept or (),
        problems=tuple(patience.problems),
    )


def _app_version(env: EnvironmentServices, cluster: ClusterFacts) -> str:
    deployment = cluster.deployment(env.environment.workloads.version_deployment)
    return str(deployment.version or deployment.image)


def _is_proven(backup: Backup) -> bool:
    verified = backup.verified
    return verified is not None and verified.level >= PROVEN_LEVEL and not verified.problem


def open_home(services: Services, cached_reads: CachedReads, user_id: str) -> None:
    """Show the Home tab to somebody who has just opened it; who is no full member sees why not.

    Raises:
        BotError: the journal does not answer.
    """
    try:
        check_reader(services, user_id)
    except BotError as error:
        services.announcer.no_home(user_id, error)
    else:
        services.announcer.home(user_id, gather(services, cached_reads))


class HomeKeeper:
    """Keeps the Home tabs of those who have opened theirs lately up to date, in every replica's sweep.

    What is shown already is not wanted again: the outbox compares, and that is also why replicas double nothing.
    """

    def __init__(self, services: Services) -> None:
        self._cached_reads = CachedReads(services.clock)
        self._pulse = ""
        self._refreshed_at = services.clock.monotonic() - REFRESH_EVERY_S
        self._readers = Readers()

    def refresh(self, services: Services) -> None:
        """Show what has changed: at once what the journal knows, within a minute what only the world does.

        Raises:
            BotError: the journal does not answer.
        """
        visitors = services.journal.activity.visitors(VISITED_WITHIN_S)
        if not visitors:
            return
        pulse, since_s = services.journal.activity.pulse(), services.clock.monotonic() - self._refreshed_at
        if since_s < (REFRESH_EVERY_S if pulse == self._pulse else REFRESH_LEAST_S):
            return
        self._pulse, self._refreshed_at = pulse, services.clock.monotonic()
        facts = gather(services, self._cached_reads)
        for user_id in visitors:
            self._show(services, user_id, facts)

    def _show(self, services: Services, user_id: str, facts: HomeFacts) -> None:
        try:
            self._readers.check(services, user_id)
        except PermanentError as error:
            services.announcer.no_home(user_id, error)
        except BotError as error:
            _log.info("the Home tab of %s stays as it is: %s", user_id, error.reference)
        else:
            services.announcer.home(user_id, facts)

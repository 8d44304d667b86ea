"""Gathers the facts for the Home tab, and refreshes the tabs of recent visitors."""

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

TIMEOUT_S = 2.0
KEEP_S = 2.0
MAX_BUNDLES = 50
PROVEN_LEVEL = 3
VISITED_WITHIN_S = 7 * 86_400.0
REFRESH_EVERY_S = 60.0
MIN_REFRESH_S = 3.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Reads:
    """Running reads of one environment."""

    database: CachedRead[DatabaseFacts]
    cluster: CachedRead[ClusterFacts]
    bundles: CachedRead[BackupPage]
    kept: CachedRead[tuple[KeptDatabase, ...]]


def gather(services: Services, cached_reads: CachedReads, *, timeout_s: float = TIMEOUT_S) -> HomeFacts:
    """Read every environment. One that does not answer is shown with the problem, and delays no other.

    Raises:
        BotError: the journal does not answer.
    """
    envs = sorted(services.envs.values(), key=lambda env: (not env.environment.production, env.environment.name))
    # All reads are running before the first is waited for.
    reads = [_begin(services, cached_reads, env) for env in envs]
    follow_ups = services.journal.runs.open_follow_ups()
    known = [_read_journal(services, env, follow_ups) for env in envs]
    until = services.clock.monotonic() + timeout_s
    summaries = []
    for env, running, summary in zip(envs, reads, known, strict=True):
        deadline = Deadline(services.clock, until - services.clock.monotonic())
        summaries.append(_complete(env, running, summary, deadline))
    return HomeFacts(tuple(summaries), services.clock.now())


def _begin(services: Services, cached_reads: CachedReads, env: EnvironmentServices) -> _Reads:
    name = env.environment.name
    return _Reads(
        cached_reads.begin(("database", name), env.database.inspect, KEEP_S),
        cached_reads.begin(("cluster", name), env.cluster.inspect, KEEP_S),
        cached_reads.begin(("home bundles", name), lambda: env.store.list_page("", 0, MAX_BUNDLES), KEEP_S),
        cached_reads.begin(("kept", name), lambda: tuple(kept_databases(services, env)), KEEP_S),
    )


def _read_journal(services: Services, env: EnvironmentServices, follow_ups: Sequence[Run]) -> EnvironmentSummary:
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


def _complete(
    env: EnvironmentServices, reads: _Reads, known: EnvironmentSummary, deadline: Deadline
) -> EnvironmentSummary:
    """Add what the database, the cluster and the bucket answer before the deadline."""
    database = deadline.take(reads.database, "The database does not answer")
    cluster = deadline.take(reads.cluster, "The cluster does not answer")
    page = deadline.take(reads.bundles, "The bucket cannot be listed")
    # Kept databases are listed on the same server: one problem is enough.
    kept = deadline.take(reads.kept, "Kept databases cannot be listed") if database is not None else ()
    bundles = page.backups if page is not None else ()
    return replace(
        known,
        schema=database.schema if database is not None and database.unread is None else None,
        app_version=_app_version(env, cluster) if cluster is not None else "",
        serving=is_serving(cluster) if cluster is not None else None,
        newest=bundles[0] if bundles else None,
        proven=next((backup for backup in bundles if _is_proven(backup)), None),
        kept=kept or (),
        problems=(*deadline.problems, *_unread(database)),
    )


def _unread(database: DatabaseFacts | None) -> tuple[str, ...]:
    """Say why the schema is unknown; a database that is closed says so by itself."""
    if database is None or database.unread is None or not database.accepts_connections:
        return ()
    return (f"The schema is unknown: {database.unread.message}",)


def _app_version(env: EnvironmentServices, cluster: ClusterFacts) -> str:
    deployment = cluster.deployment(env.environment.workloads.version_deployment)
    return str(deployment.version or deployment.image)


def _is_proven(backup: Backup) -> bool:
    verified = backup.verified
    return backup.is_signed and verified is not None and verified.level >= PROVEN_LEVEL and not verified.problem


def open_home(services: Services, cached_reads: CachedReads, user_id: str) -> None:
    """Show the Home tab to a person who has opened it; people who are not full members see why not.

    Raises:
        BotError: the journal does not answer.
    """
    try:
        check_reader(services, user_id)
    except BotError as error:
        services.home_tabs.no_home(user_id, error)
    else:
        services.home_tabs.home(user_id, gather(services, cached_reads))


class HomeKeeper:
    """Refreshes the Home tabs that were opened recently, in every replica's sweep.

    Replicas duplicate nothing: the outbox sends only a tab that differs from the one shown.
    """

    def __init__(self, services: Services) -> None:
        self._cached_reads = CachedReads(services.clock)
        self._pulse = ""
        self._refreshed_at = services.clock.monotonic() - REFRESH_EVERY_S
        self._readers = Readers()

    def refresh(self, services: Services) -> None:
        """Show changes: those in the journal at once, those outside it within a minute.

        Raises:
            BotError: the journal does not answer.
        """
        visitors = services.journal.activity.visitors(VISITED_WITHIN_S)
        if not visitors:
            return
        pulse, since_s = services.journal.activity.pulse(), services.clock.monotonic() - self._refreshed_at
        # Decision 17: the journal's pulse shows changes cheaply; what changes outside it is read once a minute.
        if since_s < (REFRESH_EVERY_S if pulse == self._pulse else MIN_REFRESH_S):
            return
        self._pulse, self._refreshed_at = pulse, services.clock.monotonic()
        facts = gather(services, self._cached_reads)
        for user_id in visitors:
            self._show(services, user_id, facts)

    def _show(self, services: Services, user_id: str, facts: HomeFacts) -> None:
        try:
            self._readers.check(services, user_id)
        except PermanentError as error:  # no longer a member: the tab must not keep showing facts
            services.home_tabs.no_home(user_id, error)
        except BotError as error:
            _log.info("the Home tab of %s stays as it is: %s", user_id, error.reference)
        else:
            services.home_tabs.home(user_id, facts)

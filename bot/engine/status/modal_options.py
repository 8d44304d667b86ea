"""Lists what the rollback modal offers, within Slack's 3 s whatever is slow."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.backups import Backup, BackupPage
from bot.domain.migrations import DownScript, longest_chain
from bot.engine.approvals.authorization import Readers
from bot.engine.context import EnvironmentServices, Services
from bot.engine.status.cached_reads import CachedReads, Deadline
from bot.errors import PermanentError, TemporaryError
from bot.planning.restore import newest_restorable
from bot.ports import Choices

TIMEOUT_S = 1.7  # Slack shows an empty list after 3 s, and its own way there and back needs the rest
KEEP_S = 5.0
MAX_BACKUPS = 40
MAX_TEXT = 200
_LATEST = "latest newest backup"


@dataclass(frozen=True)
class Search:
    """A person's search in the modal: in which environment, and for which words."""

    user_id: str
    environment: str
    text: str


def choices(
    services: Services, cached_reads: CachedReads, readers: Readers, search: Search, *, timeout_s: float = TIMEOUT_S
) -> Choices:
    """List what an environment can be rolled back to. Read-only; lists that miss the deadline are named as problems.

    Raises:
        PermanentError: ``unknown-environment``, ``not-a-member``.
        TemporaryError: ``lookup-failed``; ``no-answer-in-time`` where the person's look-up takes too long.
    """
    environment, text = search.environment, search.text
    env, words = services.env(environment), text[:MAX_TEXT].casefold().split()
    known = cached_reads.begin(("reader", search.user_id), lambda: readers.check(services, search.user_id), 0.0)
    chain = cached_reads.begin(("undoable", environment), lambda: list_undoable(services, env), KEEP_S)
    newest = cached_reads.begin(("bundles", environment, ""), lambda: _page(env, ""), KEEP_S)
    wanted = " ".join(words)
    found = cached_reads.begin(("bundles", environment, wanted), lambda: _page(env, wanted), KEEP_S)
    deadline = Deadline(services.clock, timeout_s)
    deadline.demand(known)
    scripts = deadline.take(chain, "Migrations cannot be listed") or ()
    page = deadline.take(found, "Backups cannot be listed")
    first = deadline.take(newest, "Backups cannot be listed") if page is not None else None
    latest, why_not = _latest(env, first.backups if first is not None else ())
    return Choices(
        environment,
        text,
        services.clock.now(),
        tuple(script for script in scripts if _fits(script, words)),
        latest if latest is not None and all(word in f"{_LATEST} {latest.name}".casefold() for word in words) else None,
        page.backups if page is not None else (),
        (*deadline.problems, *why_not),
    )


def _latest(env: EnvironmentServices, backups: Sequence[Backup]) -> tuple[Backup | None, list[str]]:
    """Find the backup that ``latest`` means, or why there is none: the newest may have failed its verification."""
    if not backups:
        return None, []
    try:
        return newest_restorable(backups, env.environment.name), []
    except PermanentError as error:
        return None, [f"There is no latest: {error.message}"]


def list_undoable(services: Services, env: EnvironmentServices) -> tuple[DownScript, ...]:
    """List scripts of the applied migrations, newest first, down to the first without one: no chain gets past it.

    Raises:
        TemporaryError: ``database-closed``.
        BotError: the database does not answer, a script is invalid.
    """
    facts = env.database.inspect()
    if not facts.accepts_connections:
        raise TemporaryError(
            "database-closed", f"The database of {env.environment.name} is closed; a run may be at work on it."
        )
    facts.require_read()
    return longest_chain(services.scripts.load(), facts.applied)


def _page(env: EnvironmentServices, text: str) -> BackupPage:
    return env.store.list_page(text, 0, MAX_BACKUPS)


def _fits(script: DownScript, words: list[str]) -> bool:
    about = f"{script.version:03d} {script.name} {script.adds} {script.impact}".casefold()
    return all(word in about for word in words)

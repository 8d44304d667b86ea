"""Chores: take a backup, prove one, look for lost rows.

One of a kind an environment; whoever dies in the middle of one is replaced.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import stamina

from bot.domain.jobs import Chore, ChoreHolder, ChoreKind, ChoreState, is_label, is_reserved
from bot.domain.runs import Progress, RunState
from bot.engine.approvals.authorization import check_member
from bot.engine.backups.create import take_bundle
from bot.engine.context import Site, Workplace
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import Audience, Report

SHOW_EVERY_S = 1.0
ATTEMPTS_MOST = 3
TRIES = 3
"""Within one attempt: a lost connection should not cost a person another command."""
_log = logging.getLogger(__name__)
_CHANGING = frozenset({RunState.APPROVED, RunState.RUNNING})
_DOING = {ChoreKind.TAKE: "backup", ChoreKind.VERIFY: "verification", ChoreKind.SALVAGE: "comparison"}
_AUDITED = {
    ChoreKind.TAKE: "backup-take",
    ChoreKind.VERIFY: "backup-verify",
    ChoreKind.SALVAGE: "rows-salvaged",
}


@dataclass(frozen=True)
class Work:
    """A chore under way, and where it is done."""

    workplace: Workplace
    site: Site
    chore: Chore

    def reporter(self) -> Report:
        """Show progress, no more often than is of use; a figure that cannot be shown stops nothing."""
        shown_at = [self.workplace.clock.monotonic() - SHOW_EVERY_S]

        def report(progress: Progress) -> None:
            now = self.workplace.clock.monotonic()
            if now - shown_at[0] >= SHOW_EVERY_S:
                shown_at[0] = now
                self._show(progress=progress)

        return report

    def _show(self, **changes: Any) -> None:
        try:
            self.workplace.announcer.chore(replace(self.chore, **changes))
        except TemporaryError as error:
            _log.warning("chore %s cannot be shown: %s", self.chore.id[:60], error.reference)

    def perform(self, act: Callable[[], Chore]) -> Chore:
        """Do it, and show how it ended, whatever happens.

        Raises:
            BotError: why it failed; it has been shown.
            TemporaryError: ``journal-unreachable``: the outcome could not be written down; it is done again.
        """
        try:
            ended = _patiently(act)
        except Exception as error:
            self._end(replace(self.chore, state=ChoreState.FAILED, problem=_words(error)))
            raise
        return self._end(ended)

    def _end(self, chore: Chore) -> Chore:
        workplace = self.workplace
        ended = replace(chore, ended_at=workplace.clock.now(), progress=None)
        workplace.announcer.chore(ended)
        details = {
            "environment": ended.environment,
            "subject": ended.subject,
            "state": ended.state.value,
            "level": ended.level,
            "problem": ended.problem,
        }
        workplace.journal.audit("", ended.user_id, _AUDITED[ended.kind], details)
        return ended


def _patiently(act: Callable[[], Chore]) -> Chore:
    for attempt in stamina.retry_context(on=TemporaryError, attempts=TRIES, timeout=None, wait_initial=1.0):
        with attempt:
            ended = act()
    return ended


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, BotError) else f"internal-error: {type(error).__name__}; the log has more."


def take(workplace: Workplace, audience: Audience, key: str, environment: str, label: str) -> str:
    """Take a backup; gives a sentence for whoever asked.

    Raises:
        BotError: why there is none; where it had begun, the incident channel has been told too.
    """
    site = workplace.site(environment)
    check_member(workplace, audience.user_id, site.environment)
    _check_label(label)
    _check_no_run(workplace, environment)
    work = begin(workplace, site, audience, key, ChoreKind.TAKE, label)
    ended = work.perform(lambda: _taken(work))
    return f"Backup {ended.subject} is taken. /backups {environment} show {ended.subject} says what is in it."


def _taken(work: Work) -> Chore:
    backup = take_bundle(work.site, work.workplace, work.chore.subject, serving(work.site), work.reporter())
    return replace(work.chore, state=ChoreState.DONE, subject=str(backup.name), backup=backup)


def serving(site: Site) -> str:
    """The app version that serves now, "" if unknown; a backup is worth having even if the cluster does not answer."""
    try:
        deployment = site.cluster.inspect().deployment(site.environment.workloads.version_deployment)
    except BotError as error:
        _log.warning("the app's version is left out of a backup of %s: %s", site.environment.name, error.reference)
        return ""
    return str(deployment.version or "")


def _check_label(label: str) -> None:
    if not is_label(label):
        raise PermanentError(
            "not-a-label",
            f"{label[:80]} cannot be a label.",
            "Use letters, digits, dots and dashes, 60 at the most.",
        )
    if is_reserved(label):
        raise PermanentError(
            "label-reserved",
            f"Only runs may take backups labelled {label[:80]}.",
            "Choose another label: a run finds its own backup by such a one.",
        )


def _check_no_run(workplace: Workplace, environment: str) -> None:
    run = workplace.journal.active_run(environment)
    if run is not None and run.state in _CHANGING:
        raise PermanentError(
            "run-under-way",
            f"Run {run.id} is changing {environment} now, and takes a backup of its own before it does.",
            "Take yours when it is over: /rollback status.",
        )


def begin(
    workplace: Workplace, site: Site, audience: Audience, key: str, kind: ChoreKind, subject: str, level: int = 0
) -> Work:
    """Hold the chore for this request, and show that it begins.

    Raises:
        PermanentError: ``chore-under-way`` with who and since when; ``chore-given-up`` after too many restarts.
    """
    environment = site.environment.name
    holder = workplace.journal.hold_chore(environment, kind, key, audience.user_id)
    if holder.request_id != key:
        raise _under_way(environment, kind, holder)
    now = workplace.clock.now()
    chore = Chore(key, kind, environment, subject, audience.user_id, now, level, holder.attempts)
    work = Work(workplace, site, chore)
    if holder.attempts > ATTEMPTS_MOST:
        work.perform(lambda: _give_up(chore))
    workplace.announcer.chore(chore)
    return work


def _give_up(chore: Chore) -> Chore:
    raise PermanentError(
        "chore-given-up",
        f"Backstop stopped {ATTEMPTS_MOST} times in the middle of this {_DOING[chore.kind]}, so it is not tried again.",
        "The log of the bot's process says why it stopped; memory or the scratch disk may be too small.",
    )


def _under_way(environment: str, kind: ChoreKind, holder: ChoreHolder) -> PermanentError:
    return PermanentError(
        "chore-under-way",
        f"A {_DOING[kind]} of {environment} is under way, asked for by <@{holder.user_id}> at "
        f"{holder.since:%Y-%m-%d %H:%M:%S} UTC.",
        "The incident channel shows how far it is; ask again when it is done.",
    )

"""Chores: take a backup, prove one, look for lost rows.

One of a kind an environment; whoever dies in the middle of one is replaced.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import stamina

from bot.domain.jobs import Job, JobHolder, JobKind, JobState, is_label, is_reserved
from bot.domain.runs import Progress, RunState
from bot.engine.approvals.authorization import check_member
from bot.engine.backups.create import take_bundle
from bot.engine.context import EnvironmentServices, Services
from bot.engine.requests import TakeBackup
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import Audience, Report

SHOW_EVERY_S = 1.0
ATTEMPTS_MOST = 3
TRIES = 3
"""Within one attempt: a lost connection should not cost a person another command."""
_log = logging.getLogger(__name__)
_CHANGING = frozenset({RunState.APPROVED, RunState.RUNNING})
_DOING = {JobKind.TAKE: "backup", JobKind.VERIFY: "verification", JobKind.SALVAGE: "comparison"}
_AUDITED = {
    JobKind.TAKE: "backup-take",
    JobKind.VERIFY: "backup-verify",
    JobKind.SALVAGE: "rows-salvaged",
}


@dataclass(frozen=True)
class Work:
    """A chore under way, and where it is done."""

    services: Services
    env: EnvironmentServices
    job: Job

    def reporter(self) -> Report:
        """Show progress, no more often than is of use; a figure that cannot be shown stops nothing."""
        shown_at = [self.services.clock.monotonic() - SHOW_EVERY_S]

        def report(progress: Progress) -> None:
            now = self.services.clock.monotonic()
            if now - shown_at[0] >= SHOW_EVERY_S:
                shown_at[0] = now
                self._show(progress=progress)

        return report

    def _show(self, **changes: Any) -> None:
        try:
            self.services.job_announcer.job(replace(self.job, **changes))
        except TemporaryError as error:
            _log.warning("chore %s cannot be shown: %s", self.job.id[:60], error.reference)

    def perform(self, act: Callable[[], Job]) -> Job:
        """Do it, and show how it ended, whatever happens.

        Raises:
            BotError: why it failed; it has been shown.
            TemporaryError: ``journal-unreachable``: the outcome could not be written down; it is done again.
        """
        try:
            ended = _patiently(act)
        except Exception as error:
            self._end(replace(self.job, state=JobState.FAILED, problem=_words(error)))
            raise
        return self._end(ended)

    def _end(self, job: Job) -> Job:
        services = self.services
        ended = replace(job, ended_at=services.clock.now(), progress=None)
        services.job_announcer.job(ended)
        details = {
            "environment": ended.environment,
            "subject": ended.subject,
            "state": ended.state.value,
            "level": ended.level,
            "problem": ended.problem,
        }
        services.journal.audit.append("", ended.user_id, _AUDITED[ended.kind], details)
        return ended


def _patiently(act: Callable[[], Job]) -> Job:
    for attempt in stamina.retry_context(on=TemporaryError, attempts=TRIES, timeout=None, wait_initial=1.0):
        with attempt:
            ended = act()
    return ended


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, BotError) else f"internal-error: {type(error).__name__}; the log has more."


def take(services: Services, audience: Audience, request: TakeBackup) -> str:
    """Take a backup; gives a sentence for whoever asked.

    Raises:
        BotError: why there is none; where it had begun, the incident channel has been told too.
    """
    environment = request.environment
    env = services.env(environment)
    check_member(services, audience.user_id, env.environment)
    _check_label(request.label)
    _check_no_run(services, environment)
    work = begin(services, env, audience, JobKind.TAKE, request.label)
    ended = work.perform(lambda: _taken(work))
    return f"Backup {ended.subject} is taken. /backups {environment} show {ended.subject} says what is in it."


def _taken(work: Work) -> Job:
    backup = take_bundle(work.env, work.services, work.job.subject, serving(work.env), work.reporter())
    return replace(work.job, state=JobState.DONE, subject=str(backup.name), backup=backup)


def serving(env: EnvironmentServices) -> str:
    """The app version that serves now, "" if unknown; a backup is worth having even if the cluster does not answer."""
    try:
        deployment = env.cluster.inspect().deployment(env.environment.workloads.version_deployment)
    except BotError as error:
        _log.warning("the app's version is left out of a backup of %s: %s", env.environment.name, error.reference)
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


def _check_no_run(services: Services, environment: str) -> None:
    run = services.journal.runs.active(environment)
    if run is not None and run.state in _CHANGING:
        raise PermanentError(
            "run-under-way",
            f"Run {run.id} is changing {environment} now, and takes a backup of its own before it does.",
            "Take yours when it is over: /rollback status.",
        )


def begin(
    services: Services,
    env: EnvironmentServices,
    audience: Audience,
    kind: JobKind,
    subject: str,
    level: int = 0,
) -> Work:
    """Hold the chore for this request, and show that it begins.

    Raises:
        PermanentError: ``chore-under-way`` with who and since when; ``chore-given-up`` after too many restarts.
    """
    environment, key = env.environment.name, audience.request_id
    holder = services.journal.jobs.hold(environment, kind, key, audience.user_id)
    if holder.request_id != key:
        raise _under_way(environment, kind, holder)
    now = services.clock.now()
    job = Job(key, kind, environment, subject, audience.user_id, now, level, holder.attempts)
    work = Work(services, env, job)
    if holder.attempts > ATTEMPTS_MOST:
        work.perform(lambda: _give_up(job))
    services.job_announcer.job(job)
    return work


def _give_up(job: Job) -> Job:
    raise PermanentError(
        "chore-given-up",
        f"Backstop stopped {ATTEMPTS_MOST} times in the middle of this {_DOING[job.kind]}, so it is not tried again.",
        "The log of the bot's process says why it stopped; memory or the scratch disk may be too small.",
    )


def _under_way(environment: str, kind: JobKind, holder: JobHolder) -> PermanentError:
    return PermanentError(
        "chore-under-way",
        f"A {_DOING[kind]} of {environment} is under way, asked for by <@{holder.user_id}> at "
        f"{holder.since:%Y-%m-%d %H:%M:%S} UTC.",
        "The incident channel shows how far it is; ask again when it is done.",
    )

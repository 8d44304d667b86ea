"""Executes jobs: at most one of each kind per environment. If its process dies, another takes over."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.domain.jobs import Job, JobHolder, JobKind, JobState
from bot.domain.runs import Lease, RunState, Step, StepState, find_step
from bot.engine.backups.kinds import JOB_WORDS
from bot.engine.context import EnvironmentServices, Services
from bot.engine.runs.interrupts import OwnershipLostError, RunInterruptError
from bot.engine.runs.step_execution import LEASE_S, StepExecution
from bot.engine.runs.step_machine import MAX_SENTENCE, MachineStep, perform_step, retry
from bot.errors import BotError, PermanentError
from bot.ports import Audience


class JobExecution(StepExecution):
    """A job while this process owns it."""

    max_owners = 3

    def __init__(self, services: Services, env: EnvironmentServices, job: Job, lease: Lease) -> None:
        super().__init__(services, lease)
        self.env = env
        self.job = job
        self._steps: tuple[Step, ...] = ()
        self._shown: Job | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The checklist as it was read last."""
        return self._steps

    def reload(self) -> None:
        """Read the steps again."""
        self._steps = tuple(self.services.journal.jobs.steps(self.job.id))
        progress = next((step.progress for step in self._steps if step.progress), self.job.progress)
        self.job = replace(self.job, progress=progress)

    def announce(self) -> None:
        """Request a current message, if there is news."""
        if self.job != self._shown:
            self.services.job_announcer.job(self.job)
            self._shown = self.job

    def audit(self, event: str, **details: object) -> None:
        """Append to the audit log in the name of the person who requested the job.

        Raises:
            OwnershipLostError: the journal stays away.
        """
        self.insist(lambda: self.services.journal.audit.append("", self.job.user_id, event, details))

    def carry(self, step: "JobStep") -> Job:
        """Do the step, unless a predecessor has done it, and show how it ended.

        Raises:
            BotError: why it failed; it has been shown.
            OwnershipLostError: another process has it, or the journal stays away: it is done again.
        """
        self.insist(self.reload)
        try:
            ended = self._execute(step)
        except RunInterruptError:
            raise
        except Exception as error:
            problem = _describe(error)
            self.record(step.key, StepState.FAILED, problem[:MAX_SENTENCE])
            self._end(replace(self.job, state=JobState.FAILED, problem=problem))
            raise
        return self._end(replace(ended, state=JobState.DONE))

    def _execute(self, step: "JobStep") -> Job:
        if self.is_given_up:
            raise PermanentError("chore-given-up", *self.explain_giving_up(JOB_WORDS[self.job.kind].noun))
        self.say(self.announce)
        # A predecessor may have died after the step was recorded: its result is shown, not produced again.
        if find_step(self.steps, step.key).state is not StepState.DONE:
            perform_step(self, step)
        # Its work is done and recorded, so that a bucket that is away for a moment must not make a failure of it.
        return retry(self, step, lambda execution: step.conclude(execution, execution.data(step.key)))

    def _end(self, job: Job) -> Job:
        ended = replace(job, ended_at=self.services.clock.now(), progress=None)
        self.say(lambda: self.services.job_announcer.job(ended))
        self.audit(
            JOB_WORDS[ended.kind].audited,
            environment=ended.environment,
            subject=ended.subject,
            state=ended.state.value,
            level=ended.level,
            problem=ended.problem,
        )
        return ended


class JobStep(MachineStep[JobExecution]):
    """The step of a job. A lost connection should not cost a person another command, so it is tried three times."""

    kind: JobKind
    tries = 3
    first_wait_s = 1.0

    @property
    def key(self) -> str:  # type: ignore[override] # the same for every step of a kind
        """The kind's name."""
        return self.kind.value

    @abstractmethod
    def conclude(self, execution: JobExecution, data: Mapping[str, Any]) -> Job:
        """Build the job as it ended from what the step recorded, in this process or in one that died afterwards."""


def run_job(
    services: Services,
    env: EnvironmentServices,
    audience: Audience,
    step: JobStep,
    subject: str,
    level: int = 0,
) -> Job:
    """Reserve the job for a request, and execute it.

    Raises:
        PermanentError: ``chore-under-way`` with who and since when; ``chore-given-up`` after too many owners.
        BotError: why it failed.
        OwnershipLostError: another process still has it, or took over.
    """
    environment, words, key = env.environment.name, JOB_WORDS[step.kind], audience.request_id
    holder = services.journal.jobs.hold(environment, step.kind, key, audience.user_id)
    if holder.request_id != key:
        raise _under_way(environment, words.noun, holder)
    lease = services.journal.jobs.take(key, [Step(step.key, 0, words.title)], services.owner, LEASE_S)
    if lease is None:  # the sweep hands the request out again until the lease has ended
        raise OwnershipLostError("the lease of its last owner still runs")
    now = services.clock.now()
    job = Job(key, step.kind, environment, subject, audience.user_id, now, level, lease.fencing_token)
    with JobExecution(services, env, job, lease) as execution:
        return execution.carry(step)


def _describe(error: Exception) -> str:
    return str(error) if isinstance(error, BotError) else f"internal-error: {type(error).__name__}; the log has more."


def _under_way(environment: str, noun: str, holder: JobHolder) -> PermanentError:
    return PermanentError(
        "chore-under-way",
        f"A {noun} of {environment} is under way, asked for by <@{holder.user_id}> at "
        f"{holder.since:%Y-%m-%d %H:%M:%S} UTC.",
        "The incident channel shows how far it is; ask again when it is done.",
    )


def check_no_run(services: Services, environment: str, also: str, hint: str) -> None:
    """Refuse a job while a run changes the environment; `also` ends the sentence, `hint` says what to do then.

    Raises:
        PermanentError: ``run-under-way``.
    """
    run = services.journal.runs.active(environment)
    if run is not None and run.state in {RunState.APPROVED, RunState.RUNNING}:
        raise PermanentError("run-under-way", f"Run {run.id} is changing {environment} now{also}.", hint)

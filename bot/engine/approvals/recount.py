"""Compares a run with its votes and the log before anything starts: a row in the state database is no consent.

What Slack delivered was signed at once, so a row that somebody else wrote there does not verify; and what the bot did
is in the log, so a genuine row that was copied, set back or deleted disagrees with it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from bot.domain.approvals import Vote
from bot.domain.audit import check_event
from bot.domain.runs import NEXT, Run, RunState, Step, StepState
from bot.domain.signing import Keyring, SignatureState
from bot.engine.alarms import raise_alarm
from bot.engine.approvals.provenance import WRONG
from bot.engine.approvals.signatures import check_run, check_vote, is_step_genuine
from bot.engine.context import Services
from bot.errors import PermanentError
from bot.planning.kinds import build_checklist, is_retired
from bot.ports import AuditEntry, AuditEvent

FORGED = "consent-forged"
MISMATCH = "consent-mismatch"
_LOOKS, _FEW = 3, 3
_HINT = "Nothing was done. Find out who writes to the state database, and ask for the run again."


def cast_entry(vote: Vote, name: str) -> AuditEntry:
    """Write a vote's line for the log; `name` is the voter's in Slack."""
    details = {"choice": vote.choice.value, "how": vote.how, "digest": vote.digest, "name": name}
    return AuditEntry(vote.user_id, "voted", details | {"request": vote.request_id})


def was_cast(services: Services, run_id: str, request_id: str) -> bool:
    """Tell if the log has this request's vote, and the votes have not: it was withdrawn or replaced since."""
    if any(vote.request_id == request_id for vote in services.journal.votes.current(run_id)):
        return False
    events = services.journal.audit.events(run_id)
    return any(event.event == "voted" and event.details.get("request") == request_id for event in events)


def is_genuine(services: Services, run: Run) -> bool:
    """Tell if the bot has opened the run as its row has it."""
    return check_run(services.keyring, run) is SignatureState.VALID


def check_genuine(services: Services, run: Run) -> None:
    """Refuse a run whose row is not as the bot wrote it.

    Raises:
        PermanentError: ``consent-forged``.
    """
    found = check_run(services.keyring, run)
    if found is not SignatureState.VALID:
        raise PermanentError(FORGED, f"The row of run {run.id} {WRONG[found]}.", _HINT)


@dataclass
class History:
    """A run as the log tells it.

    Attributes:
        requester, digest, request_id, drill: as they were asked for last; "" where the log has no request.
        votes: the choice, the way, and the digest of each person's vote that stands.
        approved: whether its plan was approved, and that holds.
        began: whether it started, and was not asked for again since.
        ended: the state that it ended in, and why; None while it has not.
        done: keys of the steps that were done since it began.
    """

    requester: str = ""
    digest: str = ""
    votes: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    approved: bool = False
    began: bool = False
    ended: tuple[RunState, str] | None = None
    done: set[str] = field(default_factory=set)


def read_history(events: Iterable[AuditEvent]) -> History:
    """Read a run's history out of its events, oldest first."""
    history = History()
    for event in events:
        handler = _EVENTS.get(event.event)
        if handler is not None:
            handler(history, event)
    return history


def _requested(history: History, event: AuditEvent) -> None:
    history.requester, history.digest = event.actor, str(event.details.get("digest", ""))


def _replanned(history: History, event: AuditEvent) -> None:
    history.digest = str(event.details.get("new") or history.digest)
    # The rows of votes for another plan go with it, even if that plan returns.
    history.votes = {user: vote for user, vote in history.votes.items() if vote[2] == history.digest}
    history.approved = history.began = False
    history.done.clear()


def _voted(history: History, event: AuditEvent) -> None:
    details = event.details
    history.votes[event.actor] = (str(details.get("choice")), str(details.get("how")), str(details.get("digest")))


def _withdrawn(history: History, event: AuditEvent) -> None:
    history.votes.pop(str(event.details.get("user") or event.actor), None)


def _approved(history: History, event: AuditEvent) -> None:
    history.approved = event.details.get("digest") == history.digest


def _began(history: History, _: AuditEvent) -> None:
    history.began = True


def _settled(history: History, event: AuditEvent) -> None:
    history.done.add(str(event.details.get("key")))


def _undone(history: History, event: AuditEvent) -> None:
    history.done.discard(str(event.details.get("key")))


def _ended(history: History, event: AuditEvent) -> None:
    history.ended = (RunState(str(event.details.get("state"))), str(event.details.get("problem", "")))


def _goes_on(history: History, _: AuditEvent) -> None:
    if history.ended is not None and history.ended[0] is RunState.PARKED:
        history.ended = None


_EVENTS: dict[str, Callable[[History, AuditEvent], None]] = {
    "requested": _requested,
    "plan-changed": _replanned,
    "asked-again": _replanned,
    "voted": _voted,
    "vote-withdrawn": _withdrawn,
    "approved": _approved,
    "run-started": _began,
    "run-taken-up": _began,
    "step": _settled,
    "step-undone": _undone,
    "run-ended": _ended,
    "resumed": _goes_on,
    "cancel-requested": _goes_on,
}


def find_forged(keyring: Keyring, run: Run, votes: Sequence[Vote]) -> list[str]:
    """List the rows that the bot has not written, a phrase each: the run's, its votes', its steps'."""
    found = check_run(keyring, run)
    forged = [] if found is SignatureState.VALID else [f"the row of run {run.id} {WRONG[found]}"]
    for vote in votes:
        state = check_vote(keyring, run.id, vote)
        if state is not SignatureState.VALID:
            forged.append(f"the vote of <@{vote.user_id[:40]}> {WRONG[state]}")
    wrong = [step.key[:40] for step in run.steps if not is_step_genuine(keyring, run, step)]
    if wrong:
        forged.append(f"the steps {', '.join(wrong)} are not as Backstop recorded them")
    return forged


def find_disagreements(run: Run, votes: Sequence[Vote], history: History) -> list[str]:
    """List what the rows and the log say differently of a run that is to start or go on, a phrase each."""
    return [*_about_run(run, history), *_about_votes(run, votes, history), *_about_steps(run.steps, run, history)]


def _about_run(run: Run, history: History) -> Iterator[str]:
    if not history.requester:
        yield "the log has no request for the run"
        return
    if history.requester != run.requester:
        yield f"the log says that {history.requester[:40]} asked for the run, its row says {run.requester[:40]}"
    if history.digest != run.plan.digest:
        yield f"the log has plan {history.digest[:12]}, the run has {run.plan.short_digest}"
    elif not history.approved:
        yield "the log has no approval of its plan"
    if history.ended is not None and not (history.began and history.ended[0] in NEXT[RunState.RUNNING]):
        yield f"the log says that the run ended: {history.ended[0]}"


def _about_votes(run: Run, votes: Sequence[Vote], history: History) -> Iterator[str]:
    digest = run.plan.digest
    rows = {vote.user_id: (vote.choice.value, vote.how, vote.digest) for vote in votes if vote.digest == digest}
    logged = {user: vote for user, vote in history.votes.items() if vote[2] == digest}
    for user in sorted(rows.keys() | logged.keys()):
        if user not in logged:
            yield f"there is a vote of <@{user[:40]}> that the log does not have"
        elif user not in rows:
            yield f"the log has a vote of <@{user[:40]}> whose row is gone"
        elif rows[user] != logged[user]:
            yield f"the vote of <@{user[:40]}> is another one in the log"


def _about_steps(steps: Sequence[Step], run: Run, history: History) -> Iterator[str]:
    begun = [step.key for step in steps if step.state is not StepState.WAITING or step.attempts]
    if begun and not history.began:
        yield f"the log has no start of the run, and its steps {', '.join(begun)[:200]} have begun"
    lost = [step.key for step in steps if step.key in history.done and not step.signature]
    if lost:
        yield f"the log says that the steps {', '.join(lost)[:200]} were done, their rows say nothing"
    expected = [step.key for step in build_checklist(run.plan.kind)]
    if not history.began and not is_retired(run) and [step.key for step in steps] != expected:
        yield "its checklist is not that of such a plan"


def examine(services: Services, run: Run) -> tuple[PermanentError | None, History]:
    """Compare a run that this process has taken with its votes and the log; the problem, None where they agree."""
    for _ in range(_LOOKS):  # votes and log are read one after the other, and somebody may vote in between
        votes = services.journal.votes.current(run.id)
        events = list(services.journal.audit.events(run.id))
        history = read_history(events)
        forged = [*find_forged(services.keyring, run, votes), *_find_forged_events(services.keyring, events)]
        problem = _compare(run, votes, history, forged)
        if problem is None or problem.reference == FORGED:
            break
    return problem, history


def _find_forged_events(keyring: Keyring, events: Sequence[AuditEvent]) -> list[str]:
    """List the run's events that the bot has not written, the first few: they prove nothing.

    Events without a key are an earlier version's, where somebody has vouched for the run.
    """
    states = [(event, check_event(event, keyring)) for event in events]
    known = {SignatureState.VALID}
    if ("adopted", SignatureState.VALID) in ((event.event, state) for event, state in states):
        known.add(SignatureState.UNSIGNED)
    wrong = [f"event {event.sequence} of the log {WRONG[state]}" for event, state in states if state not in known]
    return wrong[:_FEW]


def _compare(run: Run, votes: Sequence[Vote], history: History, forged: Sequence[str]) -> PermanentError | None:
    if forged:
        what = f"Run {run.id} is not what people have approved: {'; '.join(forged)}."
        return PermanentError(FORGED, what, _HINT)
    differ = find_disagreements(run, votes, history)
    if differ:
        what = f"The state database and its log disagree about run {run.id}: {'; '.join(differ)}."
        return PermanentError(MISMATCH, what, _HINT)
    return None


def report_forged(services: Services, run: Run) -> None:
    """Raise the alarm about votes on a pending run that the bot has not recorded; they do not count."""
    forged = find_forged(services.keyring, run, services.journal.votes.current(run.id))
    if forged:
        raise_alarm(services, FORGED, f"Run {run.id}: {'; '.join(forged)}. It does not count.", run.environment)


def end_forged(services: Services, run: Run) -> None:
    """End a pending run that the bot has not opened as its row has it, and raise the alarm.

    Its contents are not shown, because somebody else may have written them.
    """
    try:
        check_genuine(services, run)
    except PermanentError as error:
        ended = AuditEntry("backstop", "run-ended", {"state": RunState.VOID.value, "problem": str(error)})
        pending = frozenset({RunState.PENDING})
        if read_history(services.journal.audit.events(run.id)).requester:  # else it has no thread
            services.announcer.note(run, "consent", str(error))
        if services.journal.runs.end(run.id, RunState.VOID, str(error), expect=pending, entry=ended):
            raise_alarm(services, FORGED, f"{error.message} {_HINT}", run.environment)

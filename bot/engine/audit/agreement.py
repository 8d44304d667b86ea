"""Checks that runs, votes and freezes in the state database are what the audit log says."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.domain.audit import AuditEvent, FreezeRecord, Records, RunRecord, VoteRecord
from bot.domain.runs import RunState
from bot.engine.audit.findings import Findings

_NEEDS_APPROVAL = frozenset({RunState.APPROVED, RunState.RUNNING, RunState.PARKED, RunState.SUCCEEDED})
_ENDED = frozenset(
    {
        RunState.PARKED,
        RunState.SUCCEEDED,
        RunState.FAILED,
        RunState.CANCELLED,
        RunState.REJECTED,
        RunState.EXPIRED,
        RunState.VOID,
    }
)


@dataclass
class _Story:
    """The log's account of one run so far."""

    requested: AuditEvent | None = None
    digest: str = ""
    digest_before: str = ""
    votes: dict[str, AuditEvent] = field(default_factory=dict)
    older_votes: dict[str, AuditEvent] = field(default_factory=dict)
    """For a plan that was replaced: their rows go with it, unless somebody stops the run at that moment."""
    approved: dict[str, AuditEvent] = field(default_factory=dict)
    ended: AuditEvent | None = None
    cancelled: bool = False
    problems: list[str] = field(default_factory=list)


class AgreementCheck:
    """Takes the log, oldest event first, as far as the rows were read, and compares the rows with it."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._runs: dict[str, _Story] = {}
        self._freezes: dict[str, AuditEvent] = {}
        self._drills = {run.id for run in records.runs if run.drill}

    def add(self, event: AuditEvent) -> None:
        """Take the next event in."""
        if event.sequence > self._records.head:  # later than the rows
            return
        if event.event in {"frozen", "unfrozen"}:
            self._freezes[str(event.details.get("environment"))] = event
        elif event.run_id:
            self._follow(event, self._runs.setdefault(event.run_id, _Story()))

    def _follow(self, event: AuditEvent, story: _Story) -> None:
        details, digest = event.details, str(event.details.get("digest", ""))
        match event.event:
            case "requested":
                story.requested, story.digest = event, digest
            case "plan-changed":
                story.digest, story.digest_before = str(details.get("new")), str(details.get("old"))
                story.older_votes, story.votes = story.older_votes | story.votes, {}
            case "voted":
                story.votes[event.actor] = event
            case "vote-withdrawn":
                story.votes.pop(str(details.get("user", event.actor)), None)
            case "approved":
                self._follow_approval(event, story, digest)
            case _:
                _follow_course(event, story, digest)

    def _follow_approval(self, event: AuditEvent, story: _Story, digest: str) -> None:
        story.approved[digest] = event
        voters = [user for user, vote in story.votes.items() if _is_yes(vote, digest)]
        needed = event.details.get("quorum", 1)
        if event.run_id not in self._drills and isinstance(needed, int) and len(voters) < needed:
            story.problems.append(
                f"event {event.sequence} approves it, and the log has {len(voters)} of the {needed} votes for its plan"
            )

    def report(self, findings: Findings) -> None:
        """Add what does not agree."""
        votes: dict[str, list[VoteRecord]] = {}
        for vote in self._records.votes:
            votes.setdefault(vote.run_id, []).append(vote)
        for run in self._records.runs:
            story = self._runs.pop(run.id, _Story())
            problems = [*_compare_run(run, story), *story.problems, *_compare_votes(run, votes.pop(run.id, []), story)]
            findings.faults += [f"Run {run.id} and the log disagree: {problem}." for problem in problems]
        findings.faults += [f"Votes for run {run_id} have no run." for run_id in votes]
        for run_id, story in self._runs.items():
            if story.requested is not None:
                findings.faults.append(
                    f"Run {run_id}, requested in event {story.requested.sequence}, has no row: it was deleted."
                )
        findings.faults += self._compare_freezes()

    def _compare_freezes(self) -> Iterator[str]:
        rows = {freeze.environment: freeze for freeze in self._records.freezes}
        for environment, row in rows.items():
            event = self._freezes.get(environment)
            if event is None or not _is_freeze(event, row):
                yield f"The freeze of {environment} by {row.user_id} is not in the log: its row was forged."
        for environment, event in self._freezes.items():
            if event.event == "frozen" and environment not in rows:
                yield f"{environment} was frozen in event {event.sequence}, and its freeze is gone without an event."


def _follow_course(event: AuditEvent, story: _Story, digest: str) -> None:
    match event.event:
        case "run-started" if digest not in story.approved:
            story.problems.append(f"it started in event {event.sequence} without an approval in the log")
        case "run-ended":
            story.ended = event
        case "resumed" | "run-taken-up":
            story.ended = None
        case "cancel-requested":
            story.cancelled = True
        case _:
            pass


def _compare_run(run: RunRecord, story: _Story) -> Iterator[str]:
    requested, state = story.requested, RunState(run.state)
    if requested is None:
        yield "no event says that somebody requested it"
        return
    if requested.actor != run.requester:
        yield f"its row says {run.requester} requested it, event {requested.sequence} says {requested.actor}"
    before = {story.digest_before} if state in _ENDED else set()
    if run.digest not in {story.digest} | before:
        yield f"its row has plan {run.digest[:12]}, the log has {story.digest[:12]}"
    if state in _NEEDS_APPROVAL and run.digest not in story.approved:
        yield f"its row says {state.value}, and no event approves that plan"
    yield from _compare_end(run, state, story)


def _compare_end(run: RunRecord, state: RunState, story: _Story) -> Iterator[str]:
    said = str(story.ended.details.get("state")) if story.ended else ""
    if state not in _ENDED and story.ended is not None:
        yield (
            f"its row says {state.value}, event {story.ended.sequence} says {said} (a bot that died in between and was "
            "not started since leaves the same)"
        )
    silent = state is RunState.CANCELLED and (story.cancelled or run.drill)
    if state in _ENDED and said != state.value and not silent:
        yield f"its row says {state.value}, " + (f"the log says {said}" if said else "and no event ends it")


def _compare_votes(run: RunRecord, rows: list[VoteRecord], story: _Story) -> Iterator[str]:
    for row in rows:
        event = story.votes.pop(row.user_id, story.older_votes.get(row.user_id))
        if event is None:
            yield f"the vote of {row.user_id} has no event"
        elif (event.details.get("choice"), event.details.get("digest")) != (row.choice, row.digest):
            yield f"the vote of {row.user_id} is not the one of event {event.sequence}"
    for user_id, event in story.votes.items():
        if event.details.get("digest") == run.digest:
            yield f"the vote of {user_id} in event {event.sequence} has no row"


def _is_yes(vote: AuditEvent, digest: str) -> bool:
    return (vote.details.get("choice"), vote.details.get("digest")) == ("approve", digest)


def _is_freeze(event: AuditEvent, row: FreezeRecord) -> bool:
    # A row's text has no NUL, which the log keeps.
    reason = str(event.details.get("reason", "")).replace("\0", "")
    return event.event == "frozen" and (event.actor, reason) == (row.user_id, row.reason)

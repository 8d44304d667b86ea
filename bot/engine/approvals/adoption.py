"""Adopts runs that an earlier version opened: an operator who has the key vouches for them, and the log says who."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.domain.approvals import Vote
from bot.domain.runs import Run, RunState, StepState
from bot.domain.signing import SignatureState
from bot.engine.approvals.consent import FORGED, MISMATCH, find_disagreements, read_history
from bot.engine.approvals.signatures import check_run, check_vote, sign_run, sign_step, sign_vote
from bot.engine.context import Services
from bot.errors import PermanentError
from bot.ports import AuditEntry


@dataclass(frozen=True)
class Adoption:
    """A run, its steps and its votes as they would be signed."""

    run: Run
    votes: tuple[Vote, ...]

    def describe(self) -> Sequence[str]:
        """Say what the operator vouches for, a line each."""
        run = self.run
        done = [step.key for step in run.steps if step.state is not StepState.WAITING]
        return (
            f"run {run.id}: {run.plan.asked_for} in {run.environment}, {run.state}, plan {run.plan.short_digest}",
            f"requested by {run.requester} at {run.created_at:%Y-%m-%d %H:%M} UTC",
            *(f"vote: {vote.user_id} {vote.choice} by {vote.how} at {vote.at:%H:%M:%S} UTC" for vote in self.votes),
            f"steps that have begun: {', '.join(done) or 'none'}",
        )


def prepare_adoption(services: Services, run_id: str) -> Adoption:
    """Sign a run that has no signature, in memory, and compare it with the log.

    Raises:
        PermanentError: ``unknown-run``; ``not-adoptable`` for a pending one, which is asked for again;
            ``consent-forged`` where a signature is wrong, and not missing; ``consent-mismatch`` where the log differs.
    """
    run = services.run(run_id)
    votes = services.journal.votes.current(run.id)
    if run.state is RunState.PENDING:
        hint = f"Ask for it again: {run.plan.asked_for}"
        raise PermanentError("not-adoptable", f"Run {run.id} has not been approved, so it has nothing to lose.", hint)
    states = [check_run(services.keyring, run), *(check_vote(services.keyring, run.id, vote) for vote in votes)]
    if SignatureState.WRONG in states:
        what = f"The row of run {run.id}, or one of its votes, has a signature that is not its own."
        raise PermanentError(FORGED, what, "Somebody has changed or copied it. It must not be adopted.")
    signed = _sign(services, run)
    adopted = tuple(sign_vote(services.keyring, run.id, vote) for vote in votes)
    differ = find_disagreements(signed, adopted, read_history(services.journal.audit.events(run.id)))
    if differ and run.state in {RunState.APPROVED, RunState.RUNNING, RunState.PARKED}:
        what = f"The state database and its log disagree about run {run.id}: {'; '.join(differ)}."
        raise PermanentError(MISMATCH, what, "It must not be adopted.")
    return Adoption(signed, adopted)


def adopt_run(services: Services, adoption: Adoption, who: str) -> None:
    """Store the signatures, and log who has vouched for them."""
    details = {"digest": adoption.run.plan.digest, "votes": [vote.user_id for vote in adoption.votes]}
    services.journal.runs.adopt(adoption.run, adoption.votes, AuditEntry(who, "adopted", details))


def _sign(services: Services, run: Run) -> Run:
    signed = sign_run(services.keyring, run)
    begun = [step.state is not StepState.WAITING or step.attempts or step.data for step in run.steps]
    steps = tuple(
        replace(step, signature=sign_step(services.keyring, signed, step) if has_begun else "")
        for step, has_begun in zip(run.steps, begun, strict=True)
    )
    return replace(signed, steps=steps)

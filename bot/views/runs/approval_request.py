"""Shows the request for approval: the whole plan, the votes, and the buttons while it is open."""

from collections.abc import Sequence

from bot.domain.approvals import Choice, Vote
from bot.domain.runs import OPEN, Run, RunState, StepState
from bot.planning.kinds import is_recheck_ahead
from bot.views.buttons import for_ballot
from bot.views.kit.blocks import View, actions, context, header, listing, page, section
from bot.views.kit.text import code, moment, one_line, person, prose
from bot.views.plans import plan as plan_view
from bot.views.plans.kinds import KINDS
from bot.views.runs.card import STATES

_MAX_VOTES = 900


def render(run: Run, votes: Sequence[Vote], quorum: int, *, production: bool) -> View:
    """Render the request for the run's plan as it is now; see `card.render` for the arguments."""
    if run.drill:
        return _render_drill(run)
    noun, where = plan_view.noun(run.plan), f"*{one_line(run.environment, 40)}*"
    asked = f"{person(run.requester)} asks {KINDS[run.plan.kind].requested.format(where)}"
    reason = one_line(run.reason, 500) or ("not given" if production else "")
    text = f"Approval of {quorum} needed: {noun} of {one_line(run.environment, 40)}, {plan_view.headline(run.plan)}"
    return page(
        text,
        [
            header(f"Approve the {noun} of {run.environment}?"),
            section(f"{asked}." + (f"\nReason: {reason}" if reason else "")),
            *plan_view.blocks(run.plan),
            section(_votes(run, votes, quorum)),
            *_closing(run),
        ],
    )


def _render_drill(run: Run) -> View:
    """Render a drill's plan: nobody votes on it, but people can read and stop it."""
    noun, where = plan_view.noun(run.plan), one_line(run.environment, 40)
    words = f"Drill {code(run.drill, 20)} practises this. It needs no approval; nobody is asked to vote."
    stop = f"Stop it with {code(f'/rollback cancel {run.id}', 60)}." if run.state in OPEN else STATES[run.state]
    text = f"Drill {run.drill}: {noun} of {where}, {plan_view.headline(run.plan)}"
    title = header(f"Drill: {noun} of {run.environment}")
    return page(text, [title, section(words), *plan_view.blocks(run.plan), context(stop)])


def render_void(run: Run, old_digest: str, differences: Sequence[str]) -> View:
    """Render what is left of a request whose plan is no longer what would be done."""
    old = one_line(old_digest[:12], 12)
    text = f"Void: plan {old} for {one_line(run.environment, 40)} is no longer what would be done."
    lines = [f"• {prose(line, 400)}" for line in differences]
    title = f"*⚠️ Void* – plan `{old}` is no longer what would be done. Votes for it do not count."
    return page(
        text, [section(listing(title, lines, 2800)), context("A new request for the plan as it is now follows.")]
    )


def render_changed(run: Run, old_digest: str, differences: Sequence[str]) -> View:
    """Render what has moved since the vote, and what to do now."""
    lines = [f"• {prose(line, 400)}" for line in differences] or ["• (no single difference to name)"]
    old = one_line(old_digest[:12], 12)
    title = f"*⚠️ Something moved since the vote.* Plan `{old}` is void; nothing was changed. What moved:"
    again = "The drill goes on with it." if run.drill else "Please read it and vote again."
    return page(
        f"The plan for {one_line(run.environment, 40)} has changed{'' if run.drill else '; please vote again'}.",
        [
            section(listing(title, lines, 2700)),
            section(f"The new plan is `{run.plan.short_digest}`. {again}"),
        ],
    )


def render_asked_again(run: Run, reasons: Sequence[str]) -> View:
    """Render why votes are missing for a plan that has not changed, and what to do now."""
    plan = f"`{run.plan.short_digest}`"
    title = f"*⚠️ It did not start: votes are missing.* Plan {plan} is unchanged; nothing was touched. Why:"
    lines = [f"• {prose(line, 400)}" for line in reasons]
    return page(
        f"Votes are missing for {one_line(run.environment, 40)}; the plan is unchanged.",
        [
            section(listing(title, lines, 2700)),
            section(
                "The votes that still count are in the request above. Approvers who are not among them can vote there."
            ),
        ],
    )


def _votes(run: Run, votes: Sequence[Vote], quorum: int) -> str:
    counted = [vote for vote in votes if vote.digest[:12] == run.plan.short_digest]
    given = len([vote for vote in counted if vote.choice is Choice.APPROVE])
    return listing(f"*Votes* – {given} of {quorum} approvals", [_vote(vote) for vote in counted], _MAX_VOTES)


def _vote(vote: Vote) -> str:
    mark, word = ("✅", "approves") if vote.choice is Choice.APPROVE else ("❌", "rejects")
    return f"{mark} {person(vote.user_id)} {word} ({one_line(vote.how, 20)}, {moment(vote.at)})"


def _closing(run: Run) -> list[dict[str, object]]:
    if run.state is RunState.PENDING:
        until = moment(run.expires_at)
        how = f"Or react with ✅ to approve, ❌ to reject; take the reaction back to withdraw. Open until {until}."
        return [
            *actions(for_ballot(run)),
            context(how, "Only approvers can vote."),
        ]
    if is_recheck_ahead(run):
        return [context("*Approved.* The plan is checked again before it starts. Until then one ❌ stops it.")]
    if run.state in {RunState.APPROVED, RunState.RUNNING, RunState.PARKED, RunState.SUCCEEDED, RunState.FAILED}:
        return [context(f"*Approved.* Voting is closed; now: {STATES[run.state]}. The card shows each step.")]
    problem = f" {prose(run.problem, 300)}" if run.problem else ""
    put_back = any(step.state is StepState.UNDONE for step in run.steps)
    outcome = "what had been done was put back, as the card shows" if put_back else "nothing was changed"
    return [context(f"*{STATES[run.state]}.*{problem} Voting is closed; {outcome}.")]

"""Shows people what they need to take a run over."""

from bot.domain.runs import Run
from bot.ports import Escalation
from bot.views.kit.blocks import Block, View, context, header, listing, page, section
from bot.views.kit.text import code, one_line, paragraph, person, preformatted, prose
from bot.views.plans import plan as plan_view

_MAX_LOGS = 5200
_MAX_PODS = 2


def render(run: Run, escalation: Escalation) -> View:
    """Render it: the problem and whom to call first, the logs last."""
    text = f"Help is needed with run {one_line(run.id, 20)} in {one_line(run.environment, 40)}"
    return page(
        text,
        [
            header(f"Help is needed: {plan_view.noun(run.plan)} of {run.environment}"),
            section(f"*What happened*\n{prose(escalation.problem, 1200) or 'Nothing is known.'}"),
            section(
                listing("*Whom to call*", [_contact(who) for who in escalation.contacts] or ["nobody is named"], 800)
            ),
            section(f"*The backup*\n{paragraph(escalation.backup, 800) or 'Nothing is known about it.'}"),
            section(
                listing(
                    "*What point-in-time recovery could reach*",
                    [f"• {paragraph(line, 300)}" for line in escalation.recovery] or ["nothing is known"],
                    1500,
                )
            ),
            *_logs(escalation),
            context(f"Run {code(run.id, 40)}. Everything above was read just now; nothing was changed."),
        ],
    )


def _contact(who: str) -> str:
    return f"• {person(who) if who[:1] in 'UW' and who.isalnum() and who.isupper() else one_line(who, 150)}"


def _logs(escalation: Escalation) -> list[Block]:
    pods = sorted(escalation.database_logs)
    if not pods:
        return [section("*Database logs* – none could be read here: look at the server's log where it runs.")]
    share = min(2700, _MAX_LOGS // min(len(pods), _MAX_PODS))
    shown = [
        section(f"*Database log, last lines* – {code(pod, 100)}\n{preformatted(escalation.database_logs[pod], share)}")
        for pod in pods[:_MAX_PODS]
    ]
    left = len(pods) - len(shown)
    return [*shown, *([context(f"… and {left} more pods")] if left else [])]

"""What `/rollback help` shows."""

from collections.abc import Iterable

from bot.views.blocks import View, context, page, section
from bot.views.text import code

_LINES = (
    ("/rollback {env} 027", "undo migration 027 and everything newer"),
    ("/rollback {env} 027 --app v1.2.3", "… and choose the app version that serves afterwards"),
    ("/rollback {env} 027 --reason why", "… and say why"),
    ("/rollback status [{env}]", "runs now and lately"),
    ("/rollback cancel RUN", "stop a run, or withdraw a request"),
    ("/rollback resume RUN", "go on with a run that stopped"),
    ("/rollback close RUN LINK", "close a run's follow-up"),
    ("/rollback freeze {env} why", "nobody starts a run there"),
    ("/rollback unfreeze {env}", "allow runs again"),
    ("/migrations {env}", "versions, and what undoing each one costs"),
)
_ABOUT = (
    "Asking changes nothing: the rollback is rehearsed on a copy of the schema, then the whole plan is posted in the "
    "incident channel, and nothing runs before the approvers have agreed to exactly that plan."
)


def render(environments: Iterable[str]) -> View:
    """Render the commands, with a real environment in the examples."""
    names = sorted(environments)[:20]
    example = names[0] if names else "prod"
    lines = [f"• {code(line.format(env=example))} {words}" for line, words in _LINES]
    known = "Environments: " + ", ".join(code(name, 40) for name in names) + "."
    return page("How to use /rollback", [section("\n".join(lines)), section(_ABOUT), context(known)])

"""Shows the help of `/rollback`, `/backups` and `/drill`. ``{env}`` in a form becomes a real environment's name."""

from collections.abc import Iterable

from bot.views.kit.blocks import View, context, page, section
from bot.views.kit.text import bare_line, code

_MAX_NAME = 40
_LINES = (
    ("/rollback", "a form with lists to choose from"),
    ("/rollback {env}", "… already for that environment"),
    ("/rollback {env} 027", "undo migration 027 and everything newer"),
    ("/rollback {env} 027 --app v1.2.3", "… and choose the app version that serves afterwards"),
    ("/rollback {env} 027 --reason why", "… and say why"),
    ("/rollback {env} latest", "restore the newest backup, or any other by its name"),
    (
        "/rollback undo RUN",
        "take a run back: after a restore the database from before returns, after undone migrations what they dropped",
    ),
    ("/rollback undo RUN --reason why", "… and say why"),
    ("/rollback salvage RUN", "after a restore: look for rows written since the backup, as SQL to review"),
    ("/rollback status [{env}]", "runs now and recently, and what can be undone"),
    ("/rollback cancel RUN", "stop a run, or withdraw a request"),
    ("/rollback resume RUN", "go on with a run that stopped: after its commit to the end, before it back"),
    ("/rollback escalate RUN", "post the logs, what can be recovered, and whom to call; it changes nothing"),
    ("/rollback close RUN LINK", "close a run's follow-up"),
    ("/rollback document RUN what went wrong", "add to a run's report"),
    ("/rollback freeze {env} why", "nobody starts a run there"),
    ("/rollback unfreeze {env}", "allow runs again"),
    ("/migrations {env}", "versions, and what undoing each one costs"),
    ("/backups {env}", "backups, newest first; /backups help says more"),
    ("/drill list", "practised rollbacks; /drill help says more"),
)
_BACKUP_LINES = (
    ("/backups", "the newest of every environment"),
    ("/backups {env}", "all of one environment, newest first"),
    ("/backups {env} nightly", "… those with that in their names"),
    ("/backups {env} list take", "… where the word to look for is one of the verbs below"),
    ("/backups {env} take before-launch", "take one now; without a label it is called manual"),
    ("/backups {env} show NAME", "what is in one: versions, tables, rows, checksums"),
    ("/backups {env} verify NAME", "prove that one can be read to its end"),
    ("/backups {env} verify NAME 1", "… only its names and checksums"),
    ("/backups {env} verify NAME 3", "… restore it beside the live database, and compare it with its manifest"),
)
_DRILL_LINES = (
    ("/drill list [{env}]", "schedules: when each is due, when it last passed; drills ahead and recent ones"),
    ("/drill {env} now", "take a backup, restore it, prove it equal, swap it in, and undo the swap"),
    ("/drill {env} now migration", "run every down script on a copy of the newest bundle"),
    ("/drill {env} now bundle", "restore the newest bundle aside, and compare it with its manifest"),
    ("/drill show DRILL", "one drill with its checklist"),
    ("/drill skip DRILL", "leave a planned one out"),
    ("/drill postpone DRILL 4h", "start it 4 hours after its due time; 90m, 1d, 1h30m are read, too"),
    ("/drill report [{env}]", "how long restores take, as a picture"),
)
_ABOUT_DRILLS = (
    "Drills practise rollbacks in environments that are not production; the configuration says when. An environment's "
    "approvers may start, skip and postpone its drills, anyone may look. A migration or bundle drill that is started "
    "now takes the bundles that the environment's first schedule of that kind names (bundle_of), which may be "
    "production's; without such a schedule, its own."
)
_ABOUT_BACKUPS = (
    "For NAME, latest is the newest one. Taking and verifying stop nothing and change no database that serves; anyone "
    "of the workspace may, one at a time in each environment. The incident channel shows how far they are."
)
_ABOUT = (
    "Asking changes nothing: a chain is rehearsed on a copy of the schema, a restore is compared with what is there; "
    "then the whole plan is posted in the incident channel, and nothing runs before the approvers have agreed to "
    "exactly that plan. One ❌, or Reject, of an approver ends the request."
)


def render(environments: Iterable[str]) -> View:
    """Render the commands, with a real environment in the examples."""
    return _render("/rollback", _LINES, _ABOUT, environments)


def render_backups(environments: Iterable[str]) -> View:
    """Render the forms of `/backups`, likewise."""
    return _render("/backups", _BACKUP_LINES, _ABOUT_BACKUPS, environments)


def render_drills(environments: Iterable[str]) -> View:
    """Render the forms of `/drill`, likewise."""
    return _render("/drill", _DRILL_LINES, _ABOUT_DRILLS, environments)


def _render(command: str, forms: Iterable[tuple[str, str]], about: str, environments: Iterable[str]) -> View:
    names = sorted(environments)[:20]
    example = bare_line(names[0], _MAX_NAME) if names else "prod"
    lines = [f"• {code(line.format(env=example))} {words}" for line, words in forms]
    known = "Environments: " + ", ".join(code(name, 40) for name in names) + "."
    return page(f"How to use {command}", [section("\n".join(lines)), section(about), context(known)])

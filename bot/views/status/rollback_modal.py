"""Renders the rollback modal and its options, and reads its submission.

Slack keeps values across an update where block and action ids stay the same. So `what` has a block id of its own in
each environment: a choice made in one is gone when another is picked, and the reason stays (decision 17).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from bot.domain.backups import Backup
from bot.domain.migrations import DownScript
from bot.ports import Choices
from bot.views.backups.backups import old
from bot.views.kit.blocks import Block, View, context
from bot.views.kit.text import code, one_line, size

CALLBACK_ID = "start_rollback"
ENVIRONMENT = "rollback_environment"
WHAT = "rollback_what"
APP = "rollback_app"
REASON = "rollback_reason"
LATEST = "latest"
NOTHING = "-"
"""The value of an option that is a note and no choice."""

MAX_OPTION = 75
MAX_VALUE = 150
MAX_OPTIONS = 100
_MAX_MIGRATIONS = 50
_MAX_BACKUPS = 40
_MAX_APP = 40
_MAX_REASON = 500
_LEVELS = {1: "names checked", 2: "read to its end", 3: "restored and compared"}


@dataclass(frozen=True)
class Origin:
    """The place where a modal was opened, and the environment of its lists; kept in its private metadata."""

    channel: str = ""
    response_url: str = ""
    environment: str = ""

    def pack(self) -> str:
        """Write it, in at most 3,000 characters."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, view: Mapping[str, Any]) -> "Origin":
        """Read it from a view; empty if the view is not ours."""
        try:
            held = json.loads(view.get("private_metadata") or "{}")
        except ValueError:
            held = {}
        known = held if isinstance(held, dict) else {}
        return cls(*(str(known.get(name, "")) for name in ("channel", "response_url", "environment")))


@dataclass(frozen=True)
class Filled:
    """The fields as typed, "" for those left empty. `what` is an option's value."""

    environment: str
    what: str
    app: str
    reason: str


def render(origin: Origin, environments: Mapping[str, bool]) -> Block:
    """Build the modal.

    Args:
        origin: its environment is picked, if it is one of these.
        environments: whether each is production, where a reason is required.
    """
    picked = origin.environment if origin.environment in environments else ""
    typed = code(f"/rollback {picked or 'ENV'} 027 --reason why")
    return {
        "type": "modal",
        "callback_id": CALLBACK_ID,
        "private_metadata": origin.pack(),
        "title": _plain("Roll back", 24),
        "submit": _plain("Ask for it", 24),
        "close": _plain("Back", 24),
        "blocks": [
            _environment(picked, environments),
            _what(picked),
            _app(),
            _reason(needed=environments.get(picked, False)),
            context(
                "Nothing runs yet: the plan is posted in the incident channel and waits for its approvers. "
                f"The same can be typed: {typed}"
            ),
        ],
    }


def render_reply(view: View) -> Block:
    """Build the modal's successor after submission; it has the answer to the same command typed."""
    return {
        "type": "modal",
        "title": _plain("Roll back", 24),
        "close": _plain("Close", 24),
        "blocks": list(view.blocks),
    }


def _environment(picked: str, environments: Mapping[str, bool]) -> Block:
    options = [_option(name, name) for name in [picked, *sorted(environments)] if name]
    unique = list({option["value"]: option for option in options}.values())[:MAX_OPTIONS]
    unique.sort(key=lambda option: str(option["value"]))
    element: Block = {
        "type": "static_select",
        "action_id": ENVIRONMENT,
        "placeholder": _plain("prod, staging, …", MAX_OPTION),
        "options": unique,
    }
    initial = {"initial_option": _option(picked, picked)} if picked else {}
    return _input(ENVIRONMENT, "Environment", element | initial) | {"dispatch_action": True}


def _what(picked: str) -> Block:
    element: Block = {
        "type": "external_select",
        "action_id": WHAT,
        "min_query_length": 0,
        "placeholder": _plain("A migration's number, or a backup's name", MAX_OPTION),
    }
    hint = "A migration is undone with everything newer. Type to search; a name in full can always be used."
    return _input(what_block(picked), f"What, in {picked}" if picked else "What", element, hint)


def what_block(environment: str) -> str:
    """Return the block id of `what` while that environment is picked."""
    return f"{WHAT}:{environment}"


def _app() -> Block:
    element: Block = {
        "type": "plain_text_input",
        "action_id": APP,
        "max_length": _MAX_APP,
        "placeholder": _plain("v1.2.3", MAX_OPTION),
    }
    hint = "Left empty, the running version stays if it suits the schema; else the newest that does is chosen."
    return _input(APP, "App version to serve afterwards", element, hint, optional=True)


def _reason(*, needed: bool) -> Block:
    element: Block = {
        "type": "plain_text_input",
        "action_id": REASON,
        "multiline": True,
        "max_length": _MAX_REASON,
        "placeholder": _plain("What is broken, and since when", MAX_OPTION),
    }
    return _input(REASON, "Reason", element, "The approvers read it." if needed else "", optional=not needed)


def _input(block_id: str, title: str, element: Block, hint: str = "", *, optional: bool = False) -> Block:
    made: Block = {
        "type": "input",
        "block_id": block_id,
        "label": _plain(title, 200),
        "element": element,
        "optional": optional,
    }
    return made | ({"hint": _plain(hint, 300)} if hint else {})


def read(view: Mapping[str, Any]) -> Filled:
    """Read a submitted view."""
    held: dict[str, Mapping[str, Any]] = {}
    for block in view.get("state", {}).get("values", {}).values():
        held |= block

    def text(action_id: str) -> str:
        return str(held.get(action_id, {}).get("value") or "").strip()

    def option(action_id: str) -> str:
        return str((held.get(action_id, {}).get("selected_option") or {}).get("value", ""))

    return Filled(option(ENVIRONMENT), option(WHAT), text(APP), text(REASON))


def find_what_block(view: Mapping[str, Any]) -> str:
    """Find the block id of `what` in a view: errors about it belong there."""
    ids = (str(block.get("block_id", "")) for block in view.get("blocks", ()))
    return next((name for name in ids if name.startswith(f"{WHAT}:")), ENVIRONMENT)


def read_what(value: str) -> tuple[str, str]:
    """Split an option's value into environment and target; "" for a note."""
    environment, _, target = value.partition(":")
    return (environment, target) if target else ("", "")


def options(choices: Choices, typed: str) -> list[Block]:
    """Build the option groups, at most 100 options in all; [] if nothing matches.

    Args:
        choices: the lists.
        typed: the text, if it can be read as a migration or backup; else "".
    """
    environment, at = choices.environment, choices.at
    migrations = [_migration(environment, script) for script in choices.undoable[:_MAX_MIGRATIONS]]
    backups = [_backup(environment, backup, at) for backup in choices.backups[:_MAX_BACKUPS]]
    latest = [_latest(environment, choices.latest, at)] if choices.latest is not None else []
    known = {option["value"] for option in (*migrations, *latest, *backups)}
    given = _option(f"Use «{typed}»", _value(environment, typed)) if typed else None
    instead = "Type a migration's number or a backup's name instead"
    notes = [_option(problem, NOTHING, instead) for problem in choices.problems[:3]]
    groups = (
        ("As typed", [given] if given is not None and given["value"] not in known else []),
        ("Undo a migration and everything newer", migrations),
        ("Restore a backup", [*latest, *backups]),
        ("Missing from this list", _numbered(notes)),
    )
    return [
        {"label": _plain(title, MAX_OPTION), "options": fitting}
        for title, found in groups
        if (fitting := [option for option in found if option and len(option["value"]) <= MAX_VALUE])
    ]


def _numbered(notes: Sequence[Block]) -> list[Block]:
    # Values must be unique in a list; the mark before the number says that they are no choice.
    return [note | {"value": f"{NOTHING}{number}"} for number, note in enumerate(notes)]


def problem_group(sentences: Iterable[str]) -> list[Block]:
    """Build the only group of a list that could not be made."""
    notes = _numbered([_option(sentence, NOTHING) for sentence in sentences])
    return [{"label": _plain("Nothing can be listed", MAX_OPTION), "options": notes}]


def _migration(environment: str, script: DownScript) -> Block:
    number = f"{script.version:03d}"
    name = script.name if script.name.startswith(number) else f"{number} {script.name}"
    return _option(name, _value(environment, number), script.impact)


def _latest(environment: str, newest: Backup, at: datetime) -> Block:
    title = "latest: the newest backup that can be restored then"
    return _option(title, _value(environment, LATEST), f"Now {_about(newest, at)}")


def _backup(environment: str, backup: Backup, at: datetime) -> Block:
    name = str(backup.name)
    return _option(_middle_cut(name), _value(environment, name), _about(backup, at))


def _about(backup: Backup, at: datetime) -> str:
    schema = [f"schema {backup.manifest.schema_version:03d}"] if backup.manifest is not None else []
    parts = [old(backup.name.created_at, at), size(backup.stored.size_bytes), *schema, _proof(backup)]
    return ", ".join(parts)


def _proof(backup: Backup) -> str:
    return _verdict(backup) if backup.is_signed else f"NOT made by Backstop, {_verdict(backup)}"


def _verdict(backup: Backup) -> str:
    if backup.verified is None:
        return "not verified"
    if backup.verified.problem:
        return "FAILED its verification"
    if backup.manifest is None and backup.verified.level == max(_LEVELS):
        return "restored, not compared"
    return _LEVELS.get(backup.verified.level, "verified")


def _middle_cut(name: str) -> str:
    """Shorten a name in its middle: its begin has the environment, its end the time."""
    keep = MAX_OPTION - len("prod_") - len("_20260105_020000")
    return name if len(name) <= MAX_OPTION else f"{name[:keep]}…{name[-(MAX_OPTION - keep - 1) :]}"


def _value(environment: str, target: str) -> str:
    return f"{environment}:{target}"


def _option(text: str, value: str, description: str = "") -> Block:
    made: Block = {"text": _plain(text, MAX_OPTION), "value": value}
    return made | ({"description": _plain(description, MAX_OPTION)} if description.strip() else {})


def _plain(text: str, most: int) -> Block:
    return {"type": "plain_text", "text": one_line(text, most) or " ", "emoji": False}

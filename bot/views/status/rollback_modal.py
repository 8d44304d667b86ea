"""The modal that asks for a rollback: its fields, the options it offers, and what is read from it.

Slack keeps what was filled in across an update where block and action ids stay as they are. So `what` has a block id
of its own in each environment: a choice made in one is gone when another is picked, and the reason stays.
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
"""The value of an option that only says something."""

OPTION_MOST = 75
MAX_VALUE = 150
OPTIONS_MOST = 100
_MIGRATIONS_MOST = 50
_BACKUPS_MOST = 40
_APP_MOST = 40
_REASON_MOST = 500
_LEVELS = {1: "names checked", 2: "read to its end", 3: "restored and compared"}


@dataclass(frozen=True)
class Origin:
    """Where a modal was opened, and for which environment its lists are; travels in its private metadata."""

    channel: str = ""
    response_url: str = ""
    environment: str = ""

    def pack(self) -> str:
        """Write it, in at most 3,000 characters."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, view: Mapping[str, Any]) -> "Origin":
        """Read it from a view; empty where it is none of ours."""
        try:
            held = json.loads(view.get("private_metadata") or "{}")
        except ValueError:
            held = {}
        known = held if isinstance(held, dict) else {}
        return cls(*(str(known.get(name, "")) for name in ("channel", "response_url", "environment")))


@dataclass(frozen=True)
class Filled:
    """What somebody filled in, as typed; "" for what they left out. `what` is an option's value."""

    environment: str
    what: str
    app: str
    reason: str


def render(origin: Origin, environments: Mapping[str, bool]) -> Block:
    """Build the modal.

    Args:
        origin: its environment is picked already, where it is one of these.
        environments: by name, whether it is production, where a reason must be given.
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
    """Build what takes the modal's place when it has been submitted: the words a typed command is answered with."""
    return {
        "type": "modal",
        "title": _plain("Roll back", 24),
        "close": _plain("Close", 24),
        "blocks": list(view.blocks),
    }


def _environment(picked: str, environments: Mapping[str, bool]) -> Block:
    options = [_option(name, name) for name in [picked, *sorted(environments)] if name]
    unique = list({option["value"]: option for option in options}.values())[:OPTIONS_MOST]
    unique.sort(key=lambda option: str(option["value"]))
    element: Block = {
        "type": "static_select",
        "action_id": ENVIRONMENT,
        "placeholder": _plain("prod, staging, …", OPTION_MOST),
        "options": unique,
    }
    initial = {"initial_option": _option(picked, picked)} if picked else {}
    return _input(ENVIRONMENT, "Environment", element | initial) | {"dispatch_action": True}


def _what(picked: str) -> Block:
    element: Block = {
        "type": "external_select",
        "action_id": WHAT,
        "min_query_length": 0,
        "placeholder": _plain("A migration's number, or a backup's name", OPTION_MOST),
    }
    hint = "A migration is undone with everything newer. Type to search; a name in full can always be used."
    return _input(what_block(picked), f"What, in {picked}" if picked else "What", element, hint)


def what_block(environment: str) -> str:
    """The block id of `what` while that environment is picked."""
    return f"{WHAT}:{environment}"


def _app() -> Block:
    element: Block = {
        "type": "plain_text_input",
        "action_id": APP,
        "max_length": _APP_MOST,
        "placeholder": _plain("v1.2.3", OPTION_MOST),
    }
    hint = "Left empty, the running version stays if it suits the schema; else the newest that does is chosen."
    return _input(APP, "App version to serve afterwards", element, hint, optional=True)


def _reason(*, needed: bool) -> Block:
    element: Block = {
        "type": "plain_text_input",
        "action_id": REASON,
        "multiline": True,
        "max_length": _REASON_MOST,
        "placeholder": _plain("What is broken, and since when", OPTION_MOST),
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


def what_block_of(view: Mapping[str, Any]) -> str:
    """The block id of `what` in a view as it is: errors about it belong there."""
    ids = (str(block.get("block_id", "")) for block in view.get("blocks", ()))
    return next((name for name in ids if name.startswith(f"{WHAT}:")), ENVIRONMENT)


def read_what(value: str) -> tuple[str, str]:
    """Split an option's value into its environment and what was chosen there; "" for one that only says something."""
    environment, _, target = value.partition(":")
    return (environment, target) if target else ("", "")


def options(choices: Choices, typed: str) -> list[Block]:
    """Build the option groups that are offered, at most 100 options in all; [] when nothing matches.

    Args:
        choices: what there is.
        typed: a migration or backup that what was typed can be read as; "" when it can be read as neither.
    """
    environment, at = choices.environment, choices.at
    migrations = [_migration(environment, script) for script in choices.undoable[:_MIGRATIONS_MOST]]
    backups = [_backup(environment, backup, at) for backup in choices.backups[:_BACKUPS_MOST]]
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
        {"label": _plain(title, OPTION_MOST), "options": fitting}
        for title, found in groups
        if (fitting := [option for option in found if option and len(option["value"]) <= MAX_VALUE])
    ]


def _numbered(notes: Sequence[Block]) -> list[Block]:
    # Values are unique in a list; the mark that they are no choice is what stands before the number.
    return [note | {"value": f"{NOTHING}{number}"} for number, note in enumerate(notes)]


def problem_group(sentences: Iterable[str]) -> list[Block]:
    """Build the only group of a list that could not be made at all."""
    notes = _numbered([_option(sentence, NOTHING) for sentence in sentences])
    return [{"label": _plain("Nothing can be listed", OPTION_MOST), "options": notes}]


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
    if backup.verified is None:
        return "not verified"
    if backup.verified.problem:
        return "FAILED its verification"
    return _LEVELS.get(backup.verified.level, "verified")


def _middle_cut(name: str) -> str:
    """Shorten a name in its middle: its begin says where, its end says when."""
    keep = OPTION_MOST - len("prod_") - len("_20260105_020000")
    return name if len(name) <= OPTION_MOST else f"{name[:keep]}…{name[-(OPTION_MOST - keep - 1) :]}"


def _value(environment: str, target: str) -> str:
    return f"{environment}:{target}"


def _option(text: str, value: str, description: str = "") -> Block:
    made: Block = {"text": _plain(text, OPTION_MOST), "value": value}
    return made | ({"description": _plain(description, OPTION_MOST)} if description.strip() else {})


def _plain(text: str, most: int) -> Block:
    return {"type": "plain_text", "text": one_line(text, most) or " ", "emoji": False}

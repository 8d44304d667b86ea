"""Reads `/backups`, which lists, takes, shows and verifies backups, and the buttons under the lists."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slack_bolt import Ack, App

from bot.domain.backups import BackupName
from bot.domain.jobs import DEFAULT_LABEL, DEFAULT_LEVEL, LEVELS, MAX_LABEL, is_label, is_reserved
from bot.engine.requests import ListBackups, ShowBackup, TakeBackup, TypedRequest, VerifyBackup
from bot.errors import PermanentError
from bot.views import buttons
from bot.views.kit import command_help
from bot.views.kit.blocks import View, render_sentence
from bot.views.kit.text import bare_line, clip, code, one_line
from commands import names
from commands.arguments import at_most, quote, split, unquote
from commands.buttons import click
from commands.intake import Body, Desk, ParsedCommand, reply_with

COMMAND = "/backups"
MAX_FILTER = 200
_VERBS = ("take", "show", "verify", "list")
_TYPO = 0.75
Carried = Mapping[str, Any]
"""Values that a button carries."""


def register(app: App, desk: Desk) -> None:
    """Answer `/backups` and the buttons under its lists."""

    @app.command(COMMAND)
    def backups(ack: Ack, body: Body) -> None:
        desk.take_command(ack, body, lambda text: read(text, desk))

    app.action(buttons.VERIFY_BACKUP)(click(desk, _pressed(desk, _verify_request)))
    app.action(buttons.SHOW_BACKUP)(click(desk, _pressed(desk, _show_request)))
    for action_id in (buttons.NEWER_BACKUPS, buttons.OLDER_BACKUPS):
        app.action(action_id)(click(desk, _pressed(desk, _page_request)))


def read(text: str, desk: Desk) -> ParsedCommand | View:
    """Read the text after `/backups`.

    Raises:
        PermanentError: what was wrong, and a suggestion.
    """
    words = split(text)
    if not words:
        return ParsedCommand(ListBackups("", "", 0, replace=False), render_sentence("Looking into the buckets…"))
    first, rest = words[0], words[1:]
    if first.lower() == "help":
        return command_help.render_backups(desk.environments)
    environment = _environment(first, rest, desk)
    verbs: Mapping[str, Callable[[str, Sequence[str], Desk], ParsedCommand]] = {
        "take": _take,
        "show": _show,
        "verify": _verify,
        "list": _list,
    }
    verb = rest[0].lower() if rest else "list"
    if verb in verbs:
        return verbs[verb](environment, rest[1:], desk)
    _check_verb(environment, rest)
    return _list(environment, rest, desk)


def _environment(first: str, rest: Sequence[str], desk: Desk) -> str:
    """Find the environment; for a verb or a backup in its place, suggest the right order."""
    known, tail = desk.environments, " ".join(["", *(clip(word, 60) for word in rest[:3])])
    if first.lower() in _VERBS and not names.is_environment(first, known):
        where = names.read_environment(rest[0], known, "") if rest and names.is_environment(rest[0], known) else ""
        example = where or min(known, default="ENV")
        raise PermanentError(
            "wrong-order",
            f"The environment comes first, then {quote(first.lower())}.",
            f"Type {COMMAND} {example} {first.lower()}",
        )
    backup = BackupName.parse(first)
    if backup is not None and names.is_environment(backup.environment, known):
        raise PermanentError(
            "wrong-order",
            f"{quote(first)} is a backup; the environment and what to do come first.",
            f"Type {COMMAND} {backup.environment} show {backup} or {COMMAND} {backup.environment} verify {backup}",
        )
    return names.read_environment(first, known, f"{COMMAND} ENV{tail}")


def _check_verb(environment: str, rest: Sequence[str]) -> None:
    """A mistyped verb must not silently become a filter that finds nothing."""
    close = names.near_among(rest[0], _VERBS, _TYPO)
    if close:
        tail = " ".join(clip(word, 60) for word in rest[1:3])
        raise PermanentError(
            "unknown-verb",
            f"{quote(rest[0])} is nothing that can be done to backups.",
            f"Did you mean {COMMAND} {environment} {close} {tail}".rstrip()
            + f"? To look for the word in names, type {COMMAND} {environment} list {clip(rest[0], 60)}",
        )


def _list(environment: str, rest: Sequence[str], desk: Desk) -> ParsedCommand:
    del desk
    text = " ".join(rest)
    if len(text) > MAX_FILTER:
        raise PermanentError(
            "text-too-long",
            f"{quote(text)} is {len(text):,} characters long; no backup has such a name.",
            f"Type {COMMAND} {environment} and a part of the name.",
        )
    return ParsedCommand(
        ListBackups(environment, text, 0, replace=False),
        render_sentence(f"Looking into the bucket of {environment}…"),
    )


def _take(environment: str, rest: Sequence[str], desk: Desk) -> ParsedCommand:
    label = unquote(rest) or DEFAULT_LABEL
    _check_label(environment, label)
    channel = desk.environments[environment].incident_channel  # the job's message is there, so that all can see it
    text = (
        f"Taking a backup of *{one_line(environment, 40)}* ({code(label)}). "
        f"<#{channel}> shows how far it is; nothing stops for it."
    )
    return reply_with(TakeBackup(environment, label), text)


def _check_label(environment: str, label: str) -> None:
    if not is_label(label):
        instead = names.suggest_label(label, MAX_LABEL)
        raise PermanentError(
            "not-a-label",
            f"{quote(label)} cannot be a label: only letters, digits, dots and dashes, {MAX_LABEL} at the most.",
            f"Type {COMMAND} {environment} take {instead or DEFAULT_LABEL}",
        )
    if is_reserved(label):
        raise PermanentError(
            "label-reserved",
            f"Only runs may take backups labelled {quote(label)}: they find their own again by it.",
            f"Type {COMMAND} {environment} take and another label, or none.",
        )


def _show(environment: str, rest: Sequence[str], desk: Desk) -> ParsedCommand:
    del desk
    usage = f"{COMMAND} {environment} show NAME"
    at_most(1, rest, usage)
    name = _name(environment, rest, usage)
    reply = render_sentence(f"Reading the manifest of {bare_line(name, 150)}…")
    return ParsedCommand(ShowBackup(environment, name), reply)


def _verify(environment: str, rest: Sequence[str], desk: Desk) -> ParsedCommand:
    usage = f"{COMMAND} {environment} verify NAME [1|2|3]"
    at_most(2, rest, usage)
    name = _name(environment, rest, usage)
    level = _level(rest[1], usage) if len(rest) > 1 else DEFAULT_LEVEL
    channel = desk.environments[environment].incident_channel
    text = f"Verifying {code(name)} at level {level}. <#{channel}> says what comes of it."
    return reply_with(VerifyBackup(environment, name, level), text)


def _name(environment: str, rest: Sequence[str], usage: str) -> str:
    """Read a backup's name, or ``latest``; it is not looked up."""
    if not rest:
        raise PermanentError(
            "which-backup",
            "Which backup?",
            f"Type {usage}; latest is the newest one, {COMMAND} {environment} lists all.",
        )
    return names.read_backup(rest[0], environment, usage)


def _level(word: str, usage: str) -> int:
    text = word.lower().removeprefix("level").lstrip("-=")
    if text not in {str(level) for level in LEVELS}:
        raise PermanentError(
            "not-a-level",
            f"{quote(word)} is no level: 1 checks names and checksums, 2 reads it end to end, 3 restores and compares.",
            f"Type {usage}",
        )
    return int(text)


def _pressed(desk: Desk, build: Callable[[str, Carried], TypedRequest]) -> Callable[[Body, Body], TypedRequest]:
    """Make a reader of a button: `build` gets the environment, and everything that the button carries."""

    def read_value(_: Body, action: Body) -> TypedRequest:
        carried = buttons.unpack(str(action.get("value", "")))
        environment = carried.get("environment")
        if environment not in desk.environments:
            raise PermanentError(
                "unknown-environment",
                "That button is of an environment that is no longer configured.",
                f"Type {COMMAND}",
            )
        return build(str(environment), carried)

    return read_value


def _show_request(environment: str, carried: Carried) -> TypedRequest:
    return ShowBackup(environment, _text(carried, "name"))


def _verify_request(environment: str, carried: Carried) -> TypedRequest:
    return VerifyBackup(environment, _text(carried, "name"), _number(carried, "level", DEFAULT_LEVEL))


def _page_request(environment: str, carried: Carried) -> TypedRequest:
    return ListBackups(environment, _text(carried, "text"), _number(carried, "offset", 0), replace=True)


def _text(carried: Carried, key: str) -> str:
    # A button in an old message may carry less, or something else: the engine refuses a name that it does not find.
    value = carried.get(key)
    return value if isinstance(value, str) else ""


def _number(carried: Carried, key: str, default: int) -> int:
    value = carried.get(key)
    return value if isinstance(value, int) else default

"""`/backups`: list, take, show and verify backups; and the buttons under their lists."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from slack_bolt import Ack, App

from bot.domain.backups import BUNDLE_SUFFIX, BackupName
from bot.domain.jobs import DEFAULT_LABEL, DEFAULT_LEVEL, LABEL_MOST, LEVELS, is_label, is_reserved
from bot.engine.requests import Kind
from bot.errors import PermanentError
from bot.views import buttons
from bot.views.kit import command_help, error_message
from bot.views.kit.blocks import View, page, section
from bot.views.kit.text import bare_line, clip, code, one_line
from commands import names
from commands.arguments import at_most, quote, split, unquote
from commands.buttons import click
from commands.intake import Body, Desk, Order

COMMAND = "/backups"
LATEST = "latest"
FILTER_MOST = 200
_VERBS = ("take", "show", "verify", "list")
_TYPO = 0.75


def register(app: App, desk: Desk) -> None:
    """Answer `/backups` and the buttons under its lists."""

    @app.command(COMMAND)
    def backups(ack: Ack, body: Body) -> None:
        desk.take_command(ack, body, lambda text: read(text, desk))

    app.action(buttons.VERIFY_BACKUP)(click(desk, Kind.VERIFY, _reader(desk, name="", level=DEFAULT_LEVEL)))
    app.action(buttons.SHOW_BACKUP)(click(desk, Kind.SHOW, _reader(desk, name="")))
    for action_id in (buttons.NEWER_BACKUPS, buttons.OLDER_BACKUPS):
        app.action(action_id)(click(desk, Kind.BACKUPS, _reader(desk, text="", offset=0, replace=True)))


def read(text: str, desk: Desk) -> Order | View:
    """Understand what follows `/backups`.

    Raises:
        PermanentError: what was wrong, and what to type instead.
    """
    words = split(text)
    if not words:
        return _order(Kind.BACKUPS, "Looking into the buckets…", environment="", text="", offset=0, replace=False)
    first, rest = words[0], words[1:]
    if first.lower() == "help":
        return command_help.render_backups(desk.environments)
    environment = _environment(first, rest, desk)
    verbs: Mapping[str, Callable[[str, Sequence[str], Desk], Order]] = {
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
    """Find the environment; a verb or a backup in its place says what was meant."""
    known, tail = desk.environments, " ".join(["", *(clip(word, 60) for word in rest[:3])])
    if first.lower() in _VERBS and not names.is_environment(first, known):
        where = names.environment_of(rest[0], known, "") if rest and names.is_environment(rest[0], known) else ""
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
    return names.environment_of(first, known, f"{COMMAND} ENV{tail}")


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


def _list(environment: str, rest: Sequence[str], desk: Desk) -> Order:
    del desk
    text = " ".join(rest)
    if len(text) > FILTER_MOST:
        raise PermanentError(
            "text-too-long",
            f"{quote(text)} is {len(text):,} characters long; no backup has such a name.",
            f"Type {COMMAND} {environment} and a part of the name.",
        )
    said = f"Looking into the bucket of {environment}…"
    return _order(Kind.BACKUPS, said, environment=environment, text=text, offset=0, replace=False)


def _take(environment: str, rest: Sequence[str], desk: Desk) -> Order:
    label = unquote(rest) or DEFAULT_LABEL
    _check_label(environment, label)
    channel = desk.environments[environment].incident_channel
    text = (
        f"Taking a backup of *{one_line(environment, 40)}* ({code(label)}). "
        f"<#{channel}> shows how far it is; nothing stops for it."
    )
    return Order(Kind.TAKE, {"environment": environment, "label": label}, page(text, [section(text)]))


def _check_label(environment: str, label: str) -> None:
    if not is_label(label):
        instead = names.label_like(label, LABEL_MOST)
        raise PermanentError(
            "not-a-label",
            f"{quote(label)} cannot be a label: only letters, digits, dots and dashes, {LABEL_MOST} at the most.",
            f"Type {COMMAND} {environment} take {instead or DEFAULT_LABEL}",
        )
    if is_reserved(label):
        raise PermanentError(
            "label-reserved",
            f"Only runs may take backups labelled {quote(label)}: they find their own again by it.",
            f"Type {COMMAND} {environment} take and another label, or none.",
        )


def _show(environment: str, rest: Sequence[str], desk: Desk) -> Order:
    del desk
    usage = f"{COMMAND} {environment} show NAME"
    at_most(1, rest, usage)
    name = _name(environment, rest, usage)
    said = f"Reading the manifest of {bare_line(name, 150)}…"
    return _order(Kind.SHOW, said, environment=environment, name=name)


def _verify(environment: str, rest: Sequence[str], desk: Desk) -> Order:
    usage = f"{COMMAND} {environment} verify NAME [1|2|3]"
    at_most(2, rest, usage)
    name = _name(environment, rest, usage)
    level = _level(rest[1], usage) if len(rest) > 1 else DEFAULT_LEVEL
    channel = desk.environments[environment].incident_channel
    text = f"Verifying {code(name)} at level {level}. <#{channel}> says what comes of it."
    payload = {"environment": environment, "name": name, "level": level}
    return Order(Kind.VERIFY, payload, page(text, [section(text)]))


def _name(environment: str, rest: Sequence[str], usage: str) -> str:
    """Read a backup's name, or ``latest``; whether it is there, the bucket knows."""
    if not rest:
        raise PermanentError(
            "which-backup",
            "Which backup?",
            f"Type {usage}; latest is the newest one, {COMMAND} {environment} lists all.",
        )
    word = rest[0]
    parsed = BackupName.parse(word)
    if parsed is not None and parsed.environment != environment:
        raise PermanentError(
            "wrong-environment",
            f"{quote(word)} is a backup of {clip(parsed.environment, 40)}, not of {environment}.",
            f"Type {usage.replace(environment, clip(parsed.environment, 40), 1)}",
        )
    if len(word) > FILTER_MOST:
        raise PermanentError("text-too-long", f"{quote(word)} is no backup's name.", f"Type {usage}")
    return LATEST if word.lower() == LATEST else word.removesuffix(BUNDLE_SUFFIX)


def _level(word: str, usage: str) -> int:
    text = word.lower().removeprefix("level").lstrip("-=")
    if text not in {str(level) for level in LEVELS}:
        raise PermanentError(
            "not-a-level",
            f"{quote(word)} is no level: 1 checks names and checksums, 2 reads it end to end, 3 restores and compares.",
            f"Type {usage}",
        )
    return int(text)


def _order(kind: Kind, said: str, **payload: Any) -> Order:
    return Order(kind, payload, error_message.plain(said))


def _known(desk: Desk, carried: Mapping[str, Any]) -> dict[str, Any]:
    environment = carried.get("environment")
    if environment not in desk.environments:
        raise PermanentError(
            "unknown-environment", "That button is of an environment that is no longer configured.", f"Type {COMMAND}"
        )
    return {"environment": environment}


def _reader(desk: Desk, **wanted: str | int) -> Callable[[Body, Body], dict[str, Any]]:
    """Read these keys of what a button carries, each of its default's type."""

    def read_value(_: Body, action: Body) -> dict[str, Any]:
        carried = buttons.unpack(str(action.get("value", "")))
        fitting = {key: value for key, value in carried.items() if isinstance(value, type(wanted.get(key)))}
        return {**_known(desk, carried), **{key: fitting.get(key, default) for key, default in wanted.items()}}

    return read_value

"""Reads `/drill`, which lists, starts, skips and postpones drills, and the buttons under an announcement."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from slack_bolt import Ack, App

from bot.domain.drills import DrillKind
from bot.engine.requests import ListDrills, PostponeDrill, ReportDrills, ShowDrill, SkipDrill, StartDrill
from bot.errors import PermanentError
from bot.views import buttons
from bot.views.kit import command_help
from bot.views.kit.blocks import View, render_sentence
from bot.views.kit.text import clip, code, one_line
from commands import names
from commands.arguments import at_most, quote, split
from commands.buttons import click
from commands.intake import Body, Desk, ParsedCommand, reply_with

COMMAND = "/drill"
NOW = "now"
_TYPO = 0.7
_DRILL = re.compile(r"d[a-km-np-z2-9]{5}")
_SPAN = re.compile(
    r"(?:(\d{1,3})d(?:ays?)?)?(?:(\d{1,4})h(?:ours?|rs?)?)?(?:(\d{1,5})m(?:in(?:utes?|s)?)?)?", re.IGNORECASE | re.ASCII
)
_KINDS = tuple(kind.value for kind in DrillKind)
_ON_DRILL = ("show", "skip", "postpone")


def register(app: App, desk: Desk) -> None:
    """Answer `/drill` and the buttons under announcements."""

    @app.command(COMMAND)
    def drill(ack: Ack, body: Body) -> None:
        desk.take_command(ack, body, lambda text: read(text, desk))

    app.action(buttons.SKIP_DRILL)(click(desk, _pressed_skip))
    # The menu carries the new start, not a delay: pressed twice, the drill is postponed once.
    app.action(buttons.POSTPONE_DRILL)(click(desk, _chose_postponement))


def read(text: str, desk: Desk) -> ParsedCommand | View:
    """Read the text after `/drill`.

    Raises:
        PermanentError: what was wrong, and a suggestion.
    """
    words = split(text)
    if not words:
        return _list([], desk)
    first, rest = words[0], words[1:]
    verbs = _verbs(desk)
    if first.lower() in verbs:
        return verbs[first.lower()](rest)
    if names.is_environment(first, desk.environments):
        return _now(names.read_environment(first, desk.environments, ""), rest)
    raise _unknown_word(first, rest, desk)


def _verbs(desk: Desk) -> dict[str, Callable[[Sequence[str]], ParsedCommand | View]]:
    return {
        "help": lambda _: command_help.render_drills(desk.environments),
        "list": lambda rest: _list(rest, desk),
        "report": lambda rest: _report(rest, desk),
        "show": _show,
        "skip": _skip,
        "postpone": _postpone,
        NOW: lambda rest: _misplaced_now(rest, desk),
    }


def _list(rest: Sequence[str], desk: Desk) -> ParsedCommand:
    return ParsedCommand(ListDrills(_where(rest, "list", desk)), render_sentence("Looking at the schedules…"))


def _report(rest: Sequence[str], desk: Desk) -> ParsedCommand:
    return ParsedCommand(
        ReportDrills(_where(rest, "report", desk)),
        render_sentence("Drawing the report… It is posted in this channel."),
    )


def _where(rest: Sequence[str], verb: str, desk: Desk) -> str:
    at_most(1, rest, f"{COMMAND} {verb} [ENV]")
    return names.read_environment(rest[0], desk.environments, f"{COMMAND} {verb} ENV") if rest else ""


def _now(environment: str, rest: Sequence[str]) -> ParsedCommand:
    usage = f"{COMMAND} {environment} now [{'|'.join(_KINDS)}]"
    if not rest:
        raise PermanentError("cannot-read-that", f"What about {environment}?", f"Type {usage}")
    if rest[0].lower() != NOW:
        verb = rest[0].lower()
        instead = f"{COMMAND} {verb} {environment}" if verb in ("list", "report") else usage
        if verb in _KINDS:
            instead = f"{COMMAND} {environment} now {verb}"
        raise PermanentError("unknown-verb", f"{quote(rest[0])} does nothing with an environment.", f"Type {instead}")
    at_most(2, rest, usage)
    kind = _kind(rest[1], environment) if len(rest) > 1 else DrillKind.RESTORE
    text = f"Passing it on: a {kind} drill of *{one_line(environment, 40)}*."
    return reply_with(StartDrill(environment, kind), text)


def _kind(word: str, environment: str) -> DrillKind:
    if word.lower() in _KINDS:
        return DrillKind(word.lower())
    near = names.near_among(word, _KINDS, _TYPO)
    hint = f"Type {COMMAND} {environment} now {near or '[' + '|'.join(_KINDS) + ']'}"
    raise PermanentError("not-a-drill-kind", f"{quote(word)} is no kind of drill.", hint)


def _misplaced_now(rest: Sequence[str], desk: Desk) -> ParsedCommand:
    where = next((word for word in rest if names.is_environment(word, desk.environments)), "ENV")
    raise PermanentError("wrong-order", "The environment comes first, then now.", f"Type {COMMAND} {where} now")


def _show(rest: Sequence[str]) -> ParsedCommand:
    drill_id = _only_drill("show", rest)
    return ParsedCommand(ShowDrill(drill_id), render_sentence(f"Looking at drill {drill_id}…"))


def _skip(rest: Sequence[str]) -> ParsedCommand:
    drill_id = _only_drill("skip", rest)
    text = f"Passing it on: skip {code(drill_id)}."
    return reply_with(SkipDrill(drill_id), text)


def _postpone(rest: Sequence[str]) -> ParsedCommand:
    usage = f"{COMMAND} postpone DRILL 4h"
    drill_id = read_drill(rest, usage)
    by_s = read_span("".join(rest[1:]), f"{COMMAND} postpone {drill_id} 4h, or 90m, 1d, 1h30m")
    text = f"Passing it on: postpone {code(drill_id)}."
    return reply_with(PostponeDrill(drill_id, "", by_s), text)


def _only_drill(verb: str, rest: Sequence[str]) -> str:
    usage = f"{COMMAND} {verb} DRILL"
    drill_id = read_drill(rest, usage)
    at_most(1, rest, usage)
    return drill_id


def read_drill(words: Sequence[str], usage: str) -> str:
    """Read a drill's id, the first of some words.

    Raises:
        PermanentError: ``not-a-drill``.
    """
    if words and _DRILL.fullmatch(words[0].lower()):
        return words[0].lower()
    message = f"{quote(words[0])} is not a drill's id; they look like dk3f9a." if words else "Which drill?"
    raise PermanentError("not-a-drill", message, f"Type {usage}; {COMMAND} list shows them.")


def read_span(text: str, usage: str) -> int:
    """Read a duration (``4h``, ``90m``, ``1d``, ``1h30m``) in seconds.

    Raises:
        PermanentError: ``not-a-duration``.
    """
    match = _SPAN.fullmatch(text)
    days, hours, minutes = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    seconds = ((days * 24 + hours) * 60 + minutes) * 60
    if seconds == 0:
        what = f"{quote(text)} is no time" if text else "For how long?"
        raise PermanentError("not-a-duration", f"{what.rstrip('.?')}{'.' if text else '?'}", f"Type {usage}")
    return seconds


def _unknown_word(word: str, rest: Sequence[str], desk: Desk) -> PermanentError:
    close = names.near_among(word, _verbs(desk), _TYPO) or names.near(word, desk.environments)
    tail = " ".join(["", *(clip(part, 40) for part in rest[:3])])
    if _DRILL.fullmatch(word.lower()):
        hint = f"Type {COMMAND} {'|'.join(_ON_DRILL)} {word.lower()}"
        return PermanentError("wrong-order", f"What about drill {word.lower()}?", hint)
    if close:
        hint = f"Did you mean {close}? Type {COMMAND} {close}{tail}"
    else:
        hint = f"Environments: {', '.join(sorted(desk.environments))}. Type {COMMAND} help to see what can be asked."
    return PermanentError("unknown-environment", f"{quote(word)} is no environment and no command.", hint)


def _pressed_skip(_: Body, action: Body) -> SkipDrill:
    return SkipDrill(str(action.get("value", "")))


def _chose_postponement(_: Body, action: Body) -> PostponeDrill:
    chosen = (action.get("selected_option") or {}).get("value", "")
    drill_id, start = buttons.read_postponement(str(chosen))
    try:
        aware = datetime.fromisoformat(start).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        raise PermanentError(
            "cannot-read-that", "That menu is of another version.", f"Type {COMMAND} postpone DRILL 4h"
        )
    return PostponeDrill(drill_id, start, 0)

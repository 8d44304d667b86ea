"""Reads `/rollback`, which requests rollbacks, shows runs, stops and retries them, and freezes environments."""

from collections.abc import Callable, Sequence

from bot.domain.environments import Environment
from bot.engine.requests import (
    CancelRun,
    CloseFollowUp,
    DocumentRun,
    EscalateRun,
    Freeze,
    OpenRestore,
    OpenRollback,
    OpenUndo,
    RecoverRows,
    RetryRun,
    ShowStatus,
    TypedRequest,
    Unfreeze,
)
from bot.errors import PermanentError
from bot.views.kit import command_help
from bot.views.kit.blocks import View, render_sentence
from bot.views.kit.text import clip, code, one_line
from bot.views.runs.modals import MAX_TEXT
from commands import names
from commands.arguments import Options, at_most, quote, split, unquote
from commands.intake import Desk, ParsedCommand, reply_with

COMMAND = "/rollback"


def read(text: str, desk: Desk) -> ParsedCommand | View:
    """Read the text after `/rollback`.

    Raises:
        PermanentError: what was wrong, and a suggestion.
    """
    words = split(text)
    if not words:  # the modal could not be opened
        return command_help.render(desk.environments)
    first, rest = words[0], words[1:]
    verbs = _verbs(desk)
    if first.lower() in verbs:
        return verbs[first.lower()](rest)
    return _rollback(first, rest, desk)


def _verbs(desk: Desk) -> dict[str, Callable[[Sequence[str]], ParsedCommand | View]]:
    return {
        "help": lambda _: command_help.render(desk.environments),
        "status": lambda rest: _status(rest, desk),
        "cancel": lambda rest: _on_run(CancelRun, "cancel", rest),
        "undo": _undo,
        "salvage": _salvage,
        "restore": lambda rest: _misplaced_restore(rest, desk),
        "resume": lambda rest: _on_run(RetryRun, "resume", rest),
        "escalate": lambda rest: _on_run(EscalateRun, "escalate", rest),
        "close": _close,
        "document": _document,
        "freeze": lambda rest: _freeze(rest, desk),
        "unfreeze": lambda rest: _unfreeze(rest, desk),
    }


def _rollback(first: str, rest: Sequence[str], desk: Desk) -> ParsedCommand:
    environment = _environment(first, rest, desk)
    options = Options(f"/rollback {environment} 027 [--app v1.2.3] [--reason why]")
    options.add_argument("target", nargs="?")
    options.option("--app", words=1)
    options.option("--reason")
    given = options.read(rest)
    if given.target is None:
        raise PermanentError(
            "which-migration",
            f"Which migration of {environment} should be undone?",
            f"Type /rollback {environment} and its number, such as 027, or a backup's name, or latest; "
            f"/migrations {environment} and /backups {environment} list them.",
        )
    target = names.read_target(given.target, environment)
    app = names.read_app(unquote(given.app)) if given.app else ""
    return build_rollback(desk.environments[environment], target, app, names.read_reason(unquote(given.reason)))


def build_rollback(environment: Environment, target: str, app: str, reason: str) -> ParsedCommand:
    """Build the request for a rollback; `target` and `app` as `names` reads them, `app` "" for the newest that fits."""
    restores = names.is_backup(target, environment.name)
    asked_for = f"/rollback {environment.name} {target}" + (f" --app {app}" if app else "")
    request: TypedRequest
    if restores:
        request = OpenRestore(environment.name, target, app, reason, asked_for)
    else:
        number = target.partition("_")[0]
        # The engine compares the name, where one was typed, so that two migrations mixed up get no plan.
        request = OpenRollback(environment.name, number, app, reason, asked_for, target if target != number else "")
    words = f"restoring {code(target, 120)}" if restores else f"rolling back {one_line(target, 120)}"
    name = one_line(environment.name, 40)
    text = f"Looking at *{name}*: {words}. The plan will be posted in <#{environment.incident_channel}>."
    return reply_with(request, text)


def _environment(first: str, rest: Sequence[str], desk: Desk) -> str:
    known = desk.environments
    if names.is_environment(first, known):
        return names.read_environment(first, known, "")
    if rest and names.looks_like_migration(first) and names.is_environment(rest[0], known):
        environment = names.read_environment(rest[0], known, "")
        meant = names.read_migration(first, environment)
        raise PermanentError(
            "wrong-order", "The environment comes first, then the migration.", f"Type /rollback {environment} {meant}"
        )
    raise _unknown_word(first, rest, desk)


def _unknown_word(word: str, rest: Sequence[str], desk: Desk) -> PermanentError:
    close = names.near(word, [*desk.environments, *_verbs(desk)])
    tail = f" {clip(rest[0], 40)}" if rest else ""
    if close:
        hint = f"Did you mean {close}? Type /rollback {close}{tail}"
    elif names.looks_like_migration(word) and not rest:
        hint = f"Say where: /rollback {min(desk.environments, default='ENV')} {clip(word, 40)}"
    else:
        hint = f"Environments: {', '.join(sorted(desk.environments))}. Type /rollback help to see what can be asked."
    message = f"There is no environment {quote(word)}." if rest else f"{quote(word)} is no environment and no command."
    return PermanentError("unknown-environment", message, hint)


def _status(rest: Sequence[str], desk: Desk) -> ParsedCommand:
    at_most(1, rest, "/rollback status [ENV]")
    where = names.read_environment(rest[0], desk.environments, "/rollback status ENV") if rest else ""
    return ParsedCommand(ShowStatus(where), render_sentence("Reading the journal…"))


def _on_run(build: Callable[[str], TypedRequest], verb: str, rest: Sequence[str]) -> ParsedCommand:
    run_id = _only_run(verb, rest)
    text = f"Passing it on: {verb} {code(run_id)}. The card says what becomes of it."
    return reply_with(build(run_id), text)


def _only_run(verb: str, rest: Sequence[str]) -> str:
    usage = f"/rollback {verb} RUN"
    if not rest:
        raise PermanentError(
            "which-run", f"Which run should be meant by {verb}?", f"Type {usage}; /rollback status lists them."
        )
    at_most(1, rest, usage)
    return names.read_run(rest[0])


def _undo(rest: Sequence[str]) -> ParsedCommand:
    usage = "/rollback undo RUN [--reason why]"
    options = Options(usage)
    options.add_argument("run", nargs="?")
    options.option("--reason")
    given = options.read(rest)
    if given.run is None:
        raise PermanentError(
            "which-run", "Which run should be undone?", f"Type {usage}; /rollback status lists what can be."
        )
    run_id = names.read_run(given.run)
    reason = names.read_reason(unquote(given.reason))
    text = f"Looking at run {code(run_id)}. The plan for undoing it will be posted in its environment's channel."
    return reply_with(OpenUndo(run_id, reason, f"{COMMAND} undo {run_id}"), text)


def _misplaced_restore(rest: Sequence[str], desk: Desk) -> ParsedCommand:
    where = next((word for word in rest if names.is_environment(word, desk.environments)), "ENV")
    raise PermanentError(
        "wrong-order",
        "There is no word restore: naming a backup restores it.",
        f"Type /rollback {where} latest, or the backup's name instead of latest.",
    )


def _salvage(rest: Sequence[str]) -> ParsedCommand:
    run_id = _only_run("salvage", rest)
    text = f"Comparing what run {code(run_id)} put aside. Its thread says what was found."
    return reply_with(RecoverRows(run_id), text)


def _close(rest: Sequence[str]) -> ParsedCommand:
    if len(rest) != 2:  # noqa: PLR2004 -- the run and the link
        raise PermanentError("cannot-read-that", "A run and a link are needed.", "Type /rollback close RUN LINK")
    run_id, link = names.read_run(rest[0]), read_link(rest[1])
    text = f"Closing the follow-up of {code(run_id)}."
    return reply_with(CloseFollowUp(run_id, link), text)


def _document(rest: Sequence[str]) -> ParsedCommand:
    usage = f"{COMMAND} document RUN what went wrong"
    if not rest:
        raise PermanentError("which-run", "Which run do you want to write about?", f"Type {usage}")
    run_id, wrong = names.read_run(rest[0]), read_account(unquote(rest[1:]))
    text = f"Adding what you wrote to the report of {code(run_id)}."
    return reply_with(DocumentRun(run_id, wrong, ""), text)


def read_account(text: str) -> str:
    """Read what a person wrote about a run: at least one and at most `MAX_TEXT` characters.

    Raises:
        PermanentError: ``nothing-written``, ``account-too-long``.
    """
    kept = text.replace("\0", "").strip()
    if not kept:
        raise PermanentError("nothing-written", "Nothing is written there.", "Say what went wrong.")
    if len(kept) > MAX_TEXT:
        raise PermanentError(
            "account-too-long", f"That is {len(kept):,} characters long.", f"Say it in at most {MAX_TEXT:,}."
        )
    return kept


def read_link(text: str) -> str:
    """Read a web link of at most 500 characters.

    Raises:
        PermanentError: ``not-a-link``.
    """
    if not text.startswith(("https://", "http://")) or len(text) > 500 or " " in text:  # noqa: PLR2004 -- see docstring
        raise PermanentError("not-a-link", f"{quote(text)} is not a web link.", "It begins with https:// and is short.")
    return text


def _freeze(rest: Sequence[str], desk: Desk) -> ParsedCommand:
    usage = "/rollback freeze ENV why"
    if not rest:
        raise PermanentError("which-environment", "Which environment should be frozen?", f"Type {usage}")
    environment = names.read_environment(rest[0], desk.environments, "/rollback freeze ENV why")
    options = Options(usage)
    options.add_argument("words", nargs="*")
    options.option("--reason")
    given = options.read(rest[1:])
    reason = names.read_reason(unquote([*given.words, *given.reason]))
    if not reason:
        raise PermanentError(
            "reason-needed",
            "Give a reason: people who hit the freeze will see it.",
            f"Type /rollback freeze {environment} why",
        )
    text = f"Freezing *{one_line(environment, 40)}*."
    return reply_with(Freeze(environment, reason), text)


def _unfreeze(rest: Sequence[str], desk: Desk) -> ParsedCommand:
    usage = "/rollback unfreeze ENV"
    if not rest:
        raise PermanentError("which-environment", "Which environment should be unfrozen?", f"Type {usage}")
    at_most(1, rest, usage)
    environment = names.read_environment(rest[0], desk.environments, "/rollback unfreeze ENV")
    text = f"Unfreezing *{one_line(environment, 40)}*."
    return reply_with(Unfreeze(environment), text)

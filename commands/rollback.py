"""`/rollback`: ask for a rollback, see runs, stop and resume them, freeze an environment."""

from collections.abc import Callable, Sequence

from slack_bolt import Ack, App

from bot.engine.requests import Kind
from bot.errors import PermanentError
from bot.views.kit import command_help, error_message
from bot.views.kit.blocks import View, page, section
from bot.views.kit.text import clip, code, one_line
from bot.views.runs.notes_modal import MAX_TEXT
from commands import modal, names, parsed_command
from commands.arguments import Options, at_most, quote, split, unquote
from commands.intake import Body, Desk, Order

COMMAND = "/rollback"


def register(app: App, desk: Desk) -> None:
    """Answer `/rollback`."""

    def rollback(ack: Ack, body: Body) -> None:
        if modal.opens(body, desk):
            ack()
        else:
            desk.take_command(ack, body, lambda text: read(text, desk))

    # Lazy: the modal is asked for while the ack is on its way, and an ack never waits for Slack's answer.
    app.command(COMMAND)(ack=rollback, lazy=[modal.opening(desk, lambda text: read(text, desk))])


def read(text: str, desk: Desk) -> Order | View:
    """Understand what follows `/rollback`.

    Raises:
        PermanentError: what was wrong, and what to type instead.
    """
    words = split(text)
    if not words:  # the modal could not be opened
        return command_help.render(desk.environments)
    first, rest = words[0], words[1:]
    verbs = _verbs(desk)
    if first.lower() in verbs:
        return verbs[first.lower()](rest)
    return _rollback(first, rest, desk)


def _verbs(desk: Desk) -> dict[str, Callable[[Sequence[str]], Order | View]]:
    return {
        "help": lambda _: command_help.render(desk.environments),
        "status": lambda rest: _status(rest, desk),
        "cancel": lambda rest: _on_run(Kind.CANCEL, "cancel", rest),
        "undo": _undo,
        "salvage": _salvage,
        "restore": lambda rest: _misplaced_restore(rest, desk),
        "resume": lambda rest: _on_run(Kind.RESUME, "resume", rest),
        "escalate": lambda rest: _on_run(Kind.ESCALATE, "escalate", rest),
        "close": _close,
        "document": _document,
        "freeze": lambda rest: _freeze(rest, desk),
        "unfreeze": lambda rest: _unfreeze(rest, desk),
    }


def _rollback(first: str, rest: Sequence[str], desk: Desk) -> Order:
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
    target = parsed_command.target_of(given.target, environment)
    app = names.app_of(unquote(given.app)) if given.app else ""
    return parsed_command.rollback(
        desk.environments[environment], target, app, parsed_command.reason_of(unquote(given.reason))
    )


def _environment(first: str, rest: Sequence[str], desk: Desk) -> str:
    known = desk.environments
    if names.is_environment(first, known):
        return names.environment_of(first, known, "")
    if rest and names.looks_like_migration(first) and names.is_environment(rest[0], known):
        environment = names.environment_of(rest[0], known, "")
        meant = names.migration_of(first, environment)
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


def _status(rest: Sequence[str], desk: Desk) -> Order:
    at_most(1, rest, "/rollback status [ENV]")
    where = names.environment_of(rest[0], desk.environments, "/rollback status ENV") if rest else ""
    return Order(Kind.STATUS, {"environment": where}, error_message.plain("Reading the journal…"))


def _on_run(kind: Kind, verb: str, rest: Sequence[str]) -> Order:
    usage = f"/rollback {verb} RUN"
    if not rest:
        raise PermanentError(
            "which-run", f"Which run should be meant by {verb}?", f"Type {usage}; /rollback status lists them."
        )
    at_most(1, rest, usage)
    run_id = names.run_of(rest[0])
    text = f"Passing it on: {verb} {code(run_id)}. The card says what becomes of it."
    return Order(kind, {"run_id": run_id}, page(text, [section(text)]))


def _undo(rest: Sequence[str]) -> Order:
    usage = "/rollback undo RUN [--reason why]"
    options = Options(usage)
    options.add_argument("run", nargs="?")
    options.option("--reason")
    given = options.read(rest)
    if given.run is None:
        raise PermanentError(
            "which-run", "Which run should be undone?", f"Type {usage}; /rollback status lists what can be."
        )
    run_id = names.run_of(given.run)
    reason = parsed_command.reason_of(unquote(given.reason))
    payload = {"run_id": run_id, "reason": reason, "asked_for": f"{COMMAND} undo {run_id}"}
    text = f"Looking at run {code(run_id)}. The plan for undoing it will be posted in its environment's channel."
    return Order(Kind.UNDO, payload, page(text, [section(text)]))


def _misplaced_restore(rest: Sequence[str], desk: Desk) -> Order:
    where = next((word for word in rest if names.is_environment(word, desk.environments)), "ENV")
    raise PermanentError(
        "wrong-order",
        "There is no word restore: naming a backup restores it.",
        f"Type /rollback {where} latest, or the backup's name instead of latest.",
    )


def _salvage(rest: Sequence[str]) -> Order:
    order = _on_run(Kind.SALVAGE, "salvage", rest)
    text = f"Comparing what run {code(order.payload['run_id'])} put aside. Its thread says what was found."
    return Order(order.kind, order.payload, page(text, [section(text)]))


def _close(rest: Sequence[str]) -> Order:
    if len(rest) != 2:  # noqa: PLR2004 -- the run and the link
        raise PermanentError("cannot-read-that", "A run and a link are needed.", "Type /rollback close RUN LINK")
    run_id, link = names.run_of(rest[0]), read_link(rest[1])
    text = f"Closing the follow-up of {code(run_id)}."
    return Order(Kind.CLOSE, {"run_id": run_id, "link": link}, page(text, [section(text)]))


def _document(rest: Sequence[str]) -> Order:
    usage = f"{COMMAND} document RUN what went wrong"
    if not rest:
        raise PermanentError("which-run", "Which run do you want to write about?", f"Type {usage}")
    run_id, wrong = names.run_of(rest[0]), account_of(unquote(rest[1:]))
    text = f"Adding what you wrote to the report of {code(run_id)}."
    return Order(Kind.DOCUMENT, {"run_id": run_id, "wrong": wrong, "change": ""}, page(text, [section(text)]))


def account_of(text: str) -> str:
    """Read what somebody wrote about a run: something, and at most `MAX_TEXT` characters.

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


def _freeze(rest: Sequence[str], desk: Desk) -> Order:
    usage = "/rollback freeze ENV why"
    if not rest:
        raise PermanentError("which-environment", "Which environment should be frozen?", f"Type {usage}")
    environment = names.environment_of(rest[0], desk.environments, "/rollback freeze ENV why")
    options = Options(usage)
    options.add_argument("words", nargs="*")
    options.option("--reason")
    given = options.read(rest[1:])
    reason = parsed_command.reason_of(unquote([*given.words, *given.reason]))
    if not reason:
        raise PermanentError(
            "reason-needed", "Whoever runs into the freeze must know why.", f"Type /rollback freeze {environment} why"
        )
    text = f"Freezing *{one_line(environment, 40)}*."
    return Order(Kind.FREEZE, {"environment": environment, "reason": reason}, page(text, [section(text)]))


def _unfreeze(rest: Sequence[str], desk: Desk) -> Order:
    usage = "/rollback unfreeze ENV"
    if not rest:
        raise PermanentError("which-environment", "Which environment should be unfrozen?", f"Type {usage}")
    at_most(1, rest, usage)
    environment = names.environment_of(rest[0], desk.environments, "/rollback unfreeze ENV")
    text = f"Unfreezing *{one_line(environment, 40)}*."
    return Order(Kind.UNFREEZE, {"environment": environment}, page(text, [section(text)]))

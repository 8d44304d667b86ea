"""Runs the command line's commands about the state database and its audit log."""

import json
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console

from bot.adapters.journal import migrate, roles
from bot.app import assemble
from bot.config import Config
from bot.engine.audit.findings import OK, TAMPERED, UNCHECKED
from bot.engine.audit.verification import parse_head, verify
from bot.errors import PermanentError

ADMIN_DSN, OWNER_DSN = "BACKSTOP_STATE_ADMIN_DSN", "BACKSTOP_STATE_OWNER_DSN"
_OUT = Console()


def export_audit(config: Config) -> int:
    """Write the audit log out as JSON lines."""
    with assemble(config) as parts:
        for event in parts.services.journal.audit.events():
            line = {"sequence": event.sequence, "at": event.at.isoformat(), "run": event.run_id, "actor": event.actor}
            line |= {"event": event.event, "details": event.details, "previous": event.previous, "digest": event.digest}
            sys.stdout.write(json.dumps(line) + "\n")
    return 0


def verify_audit(config: Config, *, anchors: bool, seen: Sequence[str]) -> int:
    """Verify the audit log; return 0, 1 when something was changed, 2 when not everything could be checked.

    `seen` are heads of the log that cards and reports show, e.g. ``1234·a1b2c3d4``.
    """
    heads = [parse_head(text) for text in seen]
    with assemble(config) as parts:
        services = parts.services
        store = services.witness.store if anchors else None
        findings = verify(services.journal.audit, services.keyring, store, heads)
    for mark, sentences in (("·", findings.notes), ("?", findings.unchecked), ("✗", findings.faults)):
        for sentence in sentences:
            _print_sentence(mark, sentence)
    _print_sentence(*_CONCLUSIONS[findings.exit_code])
    return findings.exit_code


def initialise_state(config: Config, environ: Mapping[str, str]) -> int:
    """Create the state database, its schema, and its two roles."""
    serving, database = roles.read_login(config.state_dsn.get_secret_value())
    owner = roles.Login(roles.DEFAULT_OWNER)
    if environ.get(OWNER_DSN):
        owner, _ = roles.read_login(environ[OWNER_DSN])
    roles.initialise(
        _dsn(environ, ADMIN_DSN, "of an administrator of the state database's server"), database, owner, serving
    )
    _print_sentence(
        "✓", f"Database {database} belongs to {owner.role}; {serving.role} serves, and only adds to the log."
    )
    for variable, role in (("the bot", serving.role), (f"backstop db migrate, as {OWNER_DSN}", owner.role)):
        _print_sentence("·", f"DSN of {variable}: postgresql://{role}:PASSWORD@HOST:5432/{database}")
    if not owner.password:
        _print_sentence(
            "·", f"{owner.role} is new or known without a password here; set one with psql: \\password {owner.role}"
        )
    return 0


def migrate_state(config: Config, environ: Mapping[str, str]) -> int:
    """Apply the state database's schema as its owner."""
    serving, _ = roles.read_login(config.state_dsn.get_secret_value())
    dsn = _dsn(environ, OWNER_DSN, "of the role that owns the state database")
    owner, _ = roles.read_login(dsn)
    migrate(dsn, "" if owner.role == serving.role else serving.role)
    _print_sentence("✓", "The state database's schema is this version's.")
    return check_state(config)


def check_state(config: Config) -> int:
    """Say what the state database is like; return 1 when it is not as it should be."""
    found = roles.look(config.state_dsn.get_secret_value())
    _print_sentence("·", f"{found.role} serves; {found.owner} owns the log.")
    if not found.is_current:
        _print_sentence("✗", "The schema is not this version's: run backstop db migrate.")
    for weakness in found.weaknesses:
        _print_sentence("✗", f"{weakness[0].upper()}{weakness[1:]}.")
    if found.is_current and not found.weaknesses:
        _print_sentence("✓", "The schema is this version's, and the bot can only add to the log.")
    return 0 if found.is_current and not found.weaknesses else 1


def _dsn(environ: Mapping[str, str], variable: str, meaning: str) -> str:
    dsn = environ.get(variable, "").strip()
    if not dsn:
        raise PermanentError(
            "state-dsn-missing",
            f"The environment variable {variable} is not set.",
            f"Put the DSN {meaning} there, for this command only: the bot must not have it.",
        )
    return dsn


_CONCLUSIONS = {
    OK: ("✓", "Nothing was changed."),
    TAMPERED: ("✗", "SOMETHING WAS CHANGED. docs/operations.md, “The audit log”, says what to do."),
    UNCHECKED: ("?", "Nothing wrong was found, and NOT EVERYTHING WAS CHECKED."),
}


def _print_sentence(mark: str, sentence: str) -> None:
    # As it is: names in it are not markup, and a terminal's width is no reason to break it.
    _OUT.print(f"{mark} {sentence}", markup=False, highlight=False, soft_wrap=True)

"""Parses the command line and runs one command, e.g. serve; see `parse` for all of them."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bot import logs
from bot.config import Config, load
from bot.config.new_key import generate_key
from bot.errors import BotError, PermanentError

EXIT_REFUSED = 1


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="backstop", description="Rolls PostgreSQL back, with two people's approval.")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--config", type=Path, default=Path("backstop.toml"), help="default: backstop.toml")
    shared.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING"], help="default: INFO")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    verbs.add_parser("serve", parents=[shared], help="listen to Slack and execute runs")
    verbs.add_parser("worker", parents=[shared], help="execute runs only")
    plan = verbs.add_parser("plan", parents=[shared], help="show what a rollback would do; changes nothing")
    plan.add_argument("environment")
    plan.add_argument("migration", help="e.g. 027")
    plan.add_argument("--app", default="", help="app version to serve afterwards, e.g. v1.2.3")
    verbs.add_parser("status", parents=[shared], help="list current and recent runs")
    verbs.add_parser("doctor", parents=[shared], help="try every connection and right the bot needs")
    audit = verbs.add_parser("audit", parents=[shared], help="check or write out the audit log")
    audit.add_argument("action", choices=["verify", "export"])
    audit.add_argument(
        "--without-anchors", action="store_true", help="verify without the bucket; says what that leaves unchecked"
    )
    audit.add_argument(
        "--seen", action="append", default=[], metavar="HEAD", help="a head that a card shows, e.g. 1234·a1b2c3d4"
    )
    database = verbs.add_parser("db", parents=[shared], help="create, migrate or check the state database")
    database.add_argument("action", choices=["init", "migrate", "check"])
    for verb, subject in (("bundles", "name"), ("exports", "run")):
        adopt = verbs.add_parser(verb, parents=[shared], help=f"sign {verb} that you vouch for")
        adopt.add_argument("action", choices=["sign"])
        adopt.add_argument("environment")
        adopt.add_argument("subject", metavar=subject)
    journal = verbs.add_parser("journal", parents=[shared], help="vouch for a run that an earlier version began")
    journal.add_argument("action", choices=["adopt"])
    journal.add_argument("run", help="e.g. rk3f9a")
    journal.add_argument("--yes", action="store_true", help="sign it; without this it is only shown")
    make = verbs.add_parser("key", help="make a signing key, a line for BACKSTOP_SIGNING_KEYS")
    make.add_argument("id", help="names the key, e.g. 2026-11")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code: 0, 1 for a refusal or failure, 2 for wrong usage.

    ``audit verify`` returns 1 for a log that was changed, 2 for one that could not be checked in whole.
    """
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        if options.verb == "key":  # before there is any configuration, because a configuration needs a key
            print(_make_key(options.id))  # noqa: T201 - a command line prints
            return 0
        logs.configure(options.log_level)
        return _run(options, load(options.config, os.environ))
    except BotError as error:
        print(f"✗ {error}", file=sys.stderr)  # noqa: T201 - a command line prints
        return EXIT_REFUSED


def _make_key(key_id: str) -> str:
    try:
        return generate_key(key_id)
    except ValueError as error:
        message = f"“{key_id[:60]}” is no id of a key: {error}."
        raise PermanentError("key-id", message, "Try: backstop key 2026-11") from None


def _run(options: argparse.Namespace, config: Config) -> int:
    from bot import cli  # heavy; --help and a bad configuration answer without it

    for warning in config.warnings:
        print(f"warning: {warning}", file=sys.stderr)  # noqa: T201 - a command line prints
    match options.verb:
        case "serve" | "worker":
            return cli.serve(config, listen=options.verb == "serve")
        case "plan":
            return cli.plan(config, options.environment, options.migration, options.app)
        case "status":
            return cli.status(config)
        case "doctor":
            return cli.doctor(config)
        case "bundles" | "exports" | "journal":
            return _vouch(options, config)
        case _:
            return _run_action(options, config)


def _run_action(options: argparse.Namespace, config: Config) -> int:
    from bot import cli_state  # as above

    match options.verb, options.action:
        case "audit", "export":
            return cli_state.export_audit(config)
        case "audit", _:
            return cli_state.verify_audit(config, anchors=not options.without_anchors, seen=options.seen)
        case _, "init":
            return cli_state.initialise_state(config, os.environ)
        case _, "migrate":
            return cli_state.migrate_state(config, os.environ)
        case _:
            return cli_state.check_state(config)


def _vouch(options: argparse.Namespace, config: Config) -> int:
    """Sign what an earlier version made."""
    from bot import cli  # as above

    if options.verb == "journal":
        return cli.adopt(config, options.run, confirmed=options.yes)
    return cli.sign(config, options.verb, options.environment, options.subject)


if __name__ == "__main__":
    sys.exit(main())

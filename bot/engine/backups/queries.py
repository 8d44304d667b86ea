"""Answers questions about backups: lists, details, and a search by the name somebody typed."""

from difflib import get_close_matches

from bot.domain.backups import BUNDLE_SUFFIX, Backup
from bot.engine.context import EnvironmentServices, Services
from bot.engine.requests import ListBackups, ShowBackup
from bot.errors import BotError, PermanentError
from bot.ports import Audience, BackupDetails, BackupListing, NewestBackups

PAGE = 10
NEWEST = 3
LATEST = "latest"
_SUGGEST_AMONG = 200
_SUGGESTIONS = 3
_NEAR = 0.6


def list_backups(services: Services, audience: Audience, request: ListBackups) -> None:
    """Show a page of an environment's backups, newest first, or the newest few of every environment."""
    if not request.environment:
        _list_newest(services, audience)
        return
    page = services.env(request.environment).store.list_page(request.text, request.offset, PAGE)
    listing = BackupListing(request.environment, page, request.text, request.offset, services.clock.now())
    services.answers.backups(audience, listing, replace=request.replace)


def _list_newest(services: Services, audience: Audience) -> None:
    """Show every environment's newest few; a bucket that does not answer hides no other."""
    newest = [_newest(services.envs[name]) for name in sorted(services.envs)]
    services.answers.newest_backups(audience, newest, services.clock.now())


def _newest(env: EnvironmentServices) -> NewestBackups:
    try:
        return NewestBackups(env.environment.name, env.store.list_page(limit=NEWEST))
    except BotError as error:
        return NewestBackups(env.environment.name, None, str(error))


def show_backup(services: Services, audience: Audience, request: ShowBackup) -> None:
    """Show what a backup's manifest says.

    Raises:
        PermanentError: see `find_backup`.
    """
    backup = find_backup(services.env(request.environment), request.name)
    restored = services.drills.restored(str(backup.name))
    services.answers.backup(audience, BackupDetails(request.environment, backup, services.clock.now(), restored))


def find_backup(env: EnvironmentServices, name: str) -> Backup:
    """Find a backup by its name, with or without ``.tar.gz``, or the newest one of Backstop's own by ``latest``.

    Raises:
        PermanentError: ``unknown-backup`` with the nearest names; ``no-backups``.
    """
    environment = env.environment.name
    if name.lower() == LATEST:
        return _newest_signed(env)
    found = env.store.find(name.removesuffix(BUNDLE_SUFFIX))
    if found is None:
        raise PermanentError(
            "unknown-backup", f"{environment} has no backup {name[:120]}, or not a whole one.", _suggest(env, name)
        )
    return found


def _newest_signed(env: EnvironmentServices) -> Backup:
    newest = env.store.list_backups(_SUGGEST_AMONG)
    found = next((backup for backup in newest if backup.is_signed), None)
    if found is not None:
        return found
    environment = env.environment.name
    raise PermanentError(
        "no-backups",
        f"{environment} has no backups" + (" that Backstop made." if newest else "."),
        f"Take one: /backups {environment} take"
        + (f". Name one of the others: /backups {environment} lists them" if newest else ""),
    )


def _suggest(env: EnvironmentServices, name: str) -> str:
    known = [str(backup.name) for backup in env.store.list_backups(_SUGGEST_AMONG)]
    near = get_close_matches(name.removesuffix(BUNDLE_SUFFIX), known, _SUGGESTIONS, _NEAR)
    listed = f"/backups {env.environment.name} lists them all."
    return f"Did you mean {' or '.join(near)}? {listed}" if near else listed

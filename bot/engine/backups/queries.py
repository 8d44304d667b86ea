"""Questions about backups: lists, details, and finding one by the name somebody typed."""

from difflib import get_close_matches

from bot.domain.backups import BUNDLE_SUFFIX, Backup
from bot.engine.context import Site, Workplace
from bot.errors import BotError, PermanentError
from bot.ports import Audience, BackupDetails, BackupListing, NewestBackups

PAGE = 10
NEWEST = 3
LATEST = "latest"
_SUGGEST_AMONG = 200
_SUGGESTIONS = 3
_NEAR = 0.6


def list_backups(
    workplace: Workplace, audience: Audience, key: str, environment: str, text: str, offset: int, *, replace: bool
) -> None:
    """Show a page of an environment's backups, newest first."""
    page = workplace.site(environment).store.list_page(text, offset, PAGE)
    listing = BackupListing(environment, page, text, offset, workplace.clock.now())
    workplace.announcer.backups(audience, key, listing, replace=replace)


def list_newest(workplace: Workplace, audience: Audience, key: str) -> None:
    """Show every environment's newest few; a bucket that does not answer hides no other."""
    newest = [_newest(workplace.sites[name]) for name in sorted(workplace.sites)]
    workplace.announcer.newest_backups(audience, key, newest, workplace.clock.now())


def _newest(site: Site) -> NewestBackups:
    try:
        return NewestBackups(site.environment.name, site.store.list_page(limit=NEWEST))
    except BotError as error:
        return NewestBackups(site.environment.name, None, str(error))


def show_backup(workplace: Workplace, audience: Audience, key: str, environment: str, name: str) -> None:
    """Show what a backup's manifest says.

    Raises:
        PermanentError: see `find_backup`.
    """
    backup = find_backup(workplace.site(environment), name)
    restored = workplace.drills.restored(str(backup.name))
    workplace.announcer.backup(audience, key, BackupDetails(environment, backup, workplace.clock.now(), restored))


def find_backup(site: Site, name: str) -> Backup:
    """Find a backup by its name, with or without ``.tar.gz``, or the newest one by ``latest``.

    Raises:
        PermanentError: ``unknown-backup`` with the nearest names; ``no-backups``.
    """
    environment = site.environment.name
    if name.lower() == LATEST:
        newest = site.store.list_backups(1)
        if not newest:
            raise PermanentError(
                "no-backups", f"{environment} has no backups.", f"Take one: /backups {environment} take"
            )
        return newest[0]
    found = site.store.find(name.removesuffix(BUNDLE_SUFFIX))
    if found is None:
        raise PermanentError(
            "unknown-backup", f"{environment} has no backup {name[:120]}, or not a whole one.", _suggest(site, name)
        )
    return found


def _suggest(site: Site, name: str) -> str:
    known = [str(backup.name) for backup in site.store.list_backups(_SUGGEST_AMONG)]
    near = get_close_matches(name.removesuffix(BUNDLE_SUFFIX), known, _SUGGESTIONS, _NEAR)
    listed = f"/backups {site.environment.name} lists them all."
    return f"Did you mean {' or '.join(near)}? {listed}" if near else listed

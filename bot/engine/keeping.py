"""Kept databases: what a swap has put aside, until its time is over."""

import logging
from collections.abc import Iterator
from datetime import timedelta

from bot.engine.workplace import Site, Workplace
from bot.errors import BotError
from bot.ports import KeptDatabase

KINDS = frozenset({"kept", "undone"})
NOTICE_S = 86_400.0
"""How long before the end people are told; half the time, where that is shorter."""

_log = logging.getLogger(__name__)


def kept_databases(site: Site) -> Iterator[KeptDatabase]:
    """List what a site's swaps have put aside.

    Raises:
        BotError: the database does not answer.
    """
    for side in site.sides.list() if site.sides else ():
        if side.kind in KINDS:
            until = side.noted_at + timedelta(seconds=site.keep_old_s)
            yield KeptDatabase(site.environment.name, side.name, side.run_id, side.size_bytes, until)


def expire_kept(workplace: Workplace) -> None:
    """Announce the end of kept databases, then drop those whose time is over, unless a run is open there.

    Raises:
        BotError: the journal or a database does not answer; the next round tries again.
    """
    for site in workplace.sites.values():
        for kept in list(kept_databases(site)):
            _look_after(workplace, site, kept)


def _look_after(workplace: Workplace, site: Site, kept: KeptDatabase) -> None:
    notice = timedelta(seconds=min(NOTICE_S, site.keep_old_s / 2))
    now = workplace.clock.now()
    if now < kept.until - notice:
        return
    _say(workplace, kept, "announced", f"will be dropped after {kept.until:%Y-%m-%d %H:%M} UTC. {_way_out(kept)}")
    if now < kept.until or workplace.journal.active_run(kept.environment) is not None:
        return
    if site.sides is None or workplace.journal.run(kept.run_id) is None:
        _log.warning("%s is of no run of ours and stays", kept.name)
        return
    # Audited first: whoever dies in between leaves a drop that is tried again, not one nobody knows of.
    workplace.journal.audit(kept.run_id, "backstop", "kept-database-dropped", {"database": kept.name})
    site.sides.drop(kept.name)
    _say(workplace, kept, "dropped", "was dropped: its time was over. The swap can no longer be undone.")


def _way_out(kept: KeptDatabase) -> str:
    return f"Until then /rollback undo {kept.run_id} brings it back."


def _say(workplace: Workplace, kept: KeptDatabase, key: str, text: str) -> None:
    run = workplace.journal.run(kept.run_id)
    if run is not None:
        words = f"The kept database {kept.name} of run {kept.run_id} ({kept.environment}) {text}"
        workplace.announcer.note(run, f"{key}-{kept.name}", words)


def kept_everywhere(workplace: Workplace, names: list[str]) -> list[KeptDatabase]:
    """List those of some environments; one whose database does not answer is left out."""
    found: list[KeptDatabase] = []
    for name in names:
        try:
            found += kept_databases(workplace.site(name))
        except BotError as error:
            _log.warning("kept databases of %s: %s", name, error.reference)
    return found

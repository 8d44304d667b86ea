"""Enforces the retention of kept databases: announces the end of what a swap has put aside, then drops it."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from bot.domain.runs import Run
from bot.engine.context import EnvironmentServices, Services
from bot.engine.isolation import by_itself
from bot.engine.requests import OpenUndo, RecoverRows, read
from bot.errors import BotError, PermanentError
from bot.ports import KeptDatabase

KINDS = frozenset({"kept", "undone"})
NOTICE_S = 86_400.0
"""Notice before a kept database is dropped, even where that is late; half of its time, where that is shorter."""
ANNOUNCED = "kept-database-end-announced"
BEGUN = "kept-database-drop-begun"
DROPPED = "kept-database-dropped"
READERS = frozenset({RecoverRows.kind, OpenUndo.kind})
"""What reads a kept database before there is a run that holds its environment."""

_log = logging.getLogger(__name__)


def kept_databases(services: Services, env: EnvironmentServices) -> Iterator[KeptDatabase]:
    """List what an environment's swaps have put aside, and until when: never earlier than was announced.

    Raises:
        BotError: the database or the journal does not answer.
    """
    for side in env.sides.list():
        if side.kind in KINDS:
            until = side.noted_at + timedelta(seconds=env.keep_old_s)
            until = max(until, _find_announced_end(services, side.run_id, side.name) or until)
            yield KeptDatabase(env.environment.name, side.name, side.run_id, side.size_bytes, until)


def expire_kept(services: Services) -> None:
    """Announce the end of kept databases, then drop those whose time is over, unless somebody may be reading them.

    One that cannot be dropped, or whose server does not answer, keeps no other from it.
    """
    for name, env in services.envs.items():
        with by_itself(f"kept databases of {name}"):
            for kept in list(kept_databases(services, env)):
                with by_itself(kept.name):
                    _look_after(services, env, kept)


def _look_after(services: Services, env: EnvironmentServices, kept: KeptDatabase) -> None:
    notice = timedelta(seconds=min(NOTICE_S, env.keep_old_s / 2))
    now, announced = services.clock.now(), _find_announced_end(services, kept.run_id, kept.name)
    if announced is None and now < kept.until - notice:
        return
    run = services.journal.runs.find(kept.run_id)
    if run is None:
        _log.warning("%s is of no run of ours and stays", kept.name)
    elif announced is None or announced < kept.until:
        _announce(services, run, kept, max(kept.until, now + notice))
    elif now >= announced and not _is_needed(services, kept):
        _drop(services, env, run, kept)


def _find_announced_end(services: Services, run_id: str, name: str) -> datetime | None:
    """Find the end that was announced last; None where none was."""
    events = [event for event in services.journal.audit.events(run_id) if event.event == ANNOUNCED]
    ends = [str(event.details["until"]) for event in events if event.details["database"] == name]
    return datetime.fromisoformat(ends[-1]) if ends else None


def _announce(services: Services, run: Run, kept: KeptDatabase, until: datetime) -> None:
    """Announce the end, then note that: a process that dies in between leaves it to be announced again."""
    words = f"will be dropped after {until:%Y-%m-%d %H:%M} UTC. Until then /rollback undo {run.id} brings it back."
    _say(services, run, kept, "announced", words)
    details = {"database": kept.name, "until": until.isoformat()}
    services.journal.audit.append(run.id, "backstop", ANNOUNCED, details)


def _is_needed(services: Services, kept: KeptDatabase) -> bool:
    """Tell if a row recovery reads it, or an open run may still need it."""
    if services.journal.runs.active(kept.environment) is not None:
        return True
    asked = [request for request in services.journal.requests.under_way() if request.kind in READERS]
    reading = (read(request) for request in asked)
    return any(isinstance(request, RecoverRows | OpenUndo) and request.run_id == kept.run_id for request in reading)


def _drop(services: Services, env: EnvironmentServices, run: Run, kept: KeptDatabase) -> None:
    """Drop it, audited before and after: a process that dies in between leaves the record of a drop that has begun."""
    events = services.journal.audit.events(run.id)
    if not any(event.event == BEGUN and event.details["database"] == kept.name for event in events):
        services.journal.audit.append(run.id, "backstop", BEGUN, {"database": kept.name})
    try:
        env.sides.drop(kept.name)
    except PermanentError as error:
        words = f"could not be dropped: {error} Backstop goes on trying; Kept databases in docs/operations.md has more."
        _say(services, run, kept, "stuck", words)
        raise
    services.journal.audit.append(run.id, "backstop", DROPPED, {"database": kept.name})
    _say(services, run, kept, "dropped", "was dropped: its time was over. The swap can no longer be undone.")


def _say(services: Services, run: Run, kept: KeptDatabase, key: str, text: str) -> None:
    words = f"The kept database {kept.name} of run {run.id} ({kept.environment}) {text}"
    services.announcer.note(run, f"{key}-{kept.name}", words)


def kept_everywhere(services: Services, names: list[str]) -> list[KeptDatabase]:
    """List those of some environments; one whose database does not answer is left out."""
    found: list[KeptDatabase] = []
    for name in names:
        try:
            found += kept_databases(services, services.env(name))
        except BotError as error:
            _log.warning("kept databases of %s: %s", name, error.reference)
    return found

"""Says before the votes what a backup, a restore or a swap would otherwise fail at, or leave behind without a word."""

from collections.abc import Iterator, Sequence

from bot.domain.obstacles import Belongings, Obstacles, Subscription
from bot.domain.plans import PlanKind
from bot.errors import PermanentError
from bot.planning import checklist
from bot.planning.facts import Facts
from bot.planning.kinds import KINDS

_NAMED = 3
_LENGTH = 100
_LARGE = "large object "
_DEFAULT = 64
"""Locks per transaction, if nobody sets another number."""
_CROWDED = 2
"""A dump that needs more than this part of the locks is warned of: every other session needs some, too."""


def check_obstacles(facts: Facts, kind: PlanKind) -> None:
    """Refuse a run of that kind which is bound to stop.

    Raises:
        PermanentError: those of `check_dump` where it takes a backup; ``subscription-in-the-way`` where it swaps.
    """
    if checklist.BACKUP in KINDS[kind].steps:
        check_dump(facts.environment.name, facts.database.role, facts.obstacles)
    if KINDS[kind].swaps and not facts.database.is_superuser:
        check_subscriptions(facts.obstacles)


def check_dump(environment: str, role: str, obstacles: Obstacles) -> None:
    """Refuse a backup that pg_dump cannot take; `role` is ours, quoted as SQL wants it.

    Raises:
        PermanentError: ``rows-hidden``, ``not-readable`` or ``too-many-locks``, each with what to type.
    """
    _check_hidden(environment, role, obstacles)
    _check_readable(environment, role, obstacles)
    if obstacles.dump_tables > obstacles.lock_limit:
        raise PermanentError(
            "too-many-locks",
            f"No backup of {environment} can be taken: it locks {obstacles.dump_tables:,} tables at a time, and the "
            f"server has room for {obstacles.lock_room:,} locks.",
            f"{_more_locks(obstacles.dump_tables, obstacles)} Nothing was started.",
        )


def _check_hidden(environment: str, role: str, obstacles: Obstacles) -> None:
    if not obstacles.hidden:
        return
    forced = [item.table for item in obstacles.hidden if item.is_forced]
    lift = [f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;" for table in forced[:_NAMED]]
    typed = [f"Have their owner type: {' '.join(lift)}{_and_more(len(forced) - _NAMED)}"] if forced else []
    if len(forced) < len(obstacles.hidden):
        typed.append(f"Have a superuser type: ALTER ROLE {role} BYPASSRLS;")
    raise PermanentError(
        "rows-hidden",
        f"No backup of {environment} can be taken: policies hide rows of {_some([i.table for i in obstacles.hidden])} "
        f"from role {role}, and pg_dump leaves no row out.",
        f"{' '.join(typed)} Nothing was started.",
    )


def _check_readable(environment: str, role: str, obstacles: Obstacles) -> None:
    if not obstacles.unreadable:
        return
    large = [name for name in obstacles.unreadable if name.startswith(_LARGE)]
    grants = [f"GRANT pg_read_all_data TO {role};"] if len(large) < len(obstacles.unreadable) else []
    grants += [f"GRANT SELECT ON LARGE OBJECT {name.removeprefix(_LARGE)} TO {role};" for name in large[:_NAMED]]
    more = f" And so for {len(large) - _NAMED:,} more large objects." if len(large) > _NAMED else ""
    raise PermanentError(
        "not-readable",
        f"No backup of {environment} can be taken: role {role} may not read {_some(obstacles.unreadable)}.",
        f"Have a superuser type: {' '.join(grants)}{more} Nothing was started.",
    )


def _more_locks(need: int, obstacles: Obstacles) -> str:
    """Name the setting with which that takes a quarter of the room, a multiple of the server's default."""
    sessions = max(obstacles.lock_sessions, 1)
    setting = -(-need * _CROWDED * 2 // (sessions * _DEFAULT)) * _DEFAULT
    return f"Have a superuser type: ALTER SYSTEM SET max_locks_per_transaction = {setting}; and restart the server."


def check_subscriptions(obstacles: Obstacles) -> None:
    """Refuse a swap that a superuser's subscription would make fail, where our role is no superuser.

    Raises:
        PermanentError: ``subscription-in-the-way`` with what to type.
    """
    found = [item for item in obstacles.subscriptions if item.is_enabled and item.is_superusers]
    if found:
        statements = " ".join(f"ALTER SUBSCRIPTION {item.name} DISABLE;" for item in found)
        raise PermanentError(
            "subscription-in-the-way",
            f"Workers of the subscription {_some([item.name for item in found])} write in the database, and only a "
            "superuser can end them: the swap would fail.",
            f"Have a superuser type in that database: {statements} Or DROP SUBSCRIPTION, if it is not needed any more. "
            "Then ask again.",
        )


def beside_chain(obstacles: Obstacles, chain_locks: int = 0) -> Iterator[str]:
    """Warn of what a chain, or its undo, has beside it; `chain_locks` are those of its own transaction."""
    enabled = [item.name for item in obstacles.subscriptions if item.is_enabled]
    if enabled:
        yield (
            f"The subscription {_some(enabled)} goes on writing while the database is closed to everybody else. "
            f"Let it rest meanwhile: ALTER SUBSCRIPTION {enabled[0]} DISABLE;"
        )
    yield from _about_locks(obstacles, chain_locks)


def what_is_lost(seen: Obstacles, role: str, *, has_grants: bool) -> Iterator[str]:
    """Warn of what a restore loses or stops at, the gravest first.

    Args:
        seen: in the live database, which stands for what is in the bundle.
        role: ours, quoted as SQL wants it.
        has_grants: the bundle is known to carry rights.
    """
    if seen.extensions:
        yield (
            f"Only a superuser can create the extension {_some(seen.extensions)}, and new databases here do not have "
            "it: a backup that needs it is not loaded (extension-needed). Have a superuser make a database that has "
            "it, and name it as shadow_template."
        )
    if seen.unloadable:
        yield (
            f"Only a superuser can make {_some(seen.unloadable)}: a backup that has such things is not loaded "
            "(load-failed). Have a superuser restore it by hand."
        )
    if seen.forced:
        yield (
            f"Row security is forced on the owner of {_some(seen.forced)}: a backup that has it cannot be compared "
            "after loading, and the run stops before the swap."
        )
    if seen.lost:
        yield (
            f"A restore loses {_some(seen.lost)}: only a superuser can make them. Have a superuser keep their "
            "definitions, and make them again after the swap."
        )
    for item in seen.belongings:
        yield _belongs(item, role)
    if seen.grantees and not has_grants:
        yield (
            "Nothing shows that this backup carries rights (a dump made with -x has none). In the live database "
            f"{_some(seen.grantees)} have some; without them the app may read nothing after the swap."
        )


def _belongs(item: Belongings, role: str) -> str:
    count = f"{item.first}{_and_more(item.objects - 1)}"
    typed = (
        f"Have a superuser type afterwards: ALTER … OWNER TO {item.owner};"
        if item.is_superuser
        else f"Have a superuser type: GRANT {item.owner} TO {role};"
    )
    return (
        f"After a restore, what is {item.owner}'s ({count}) belongs to another: Backstop's role is no member of "
        f"{item.owner}. {typed}"
    )


def swap_warnings(seen: Obstacles, outgoing: str) -> Iterator[str]:
    """Warn of what a swap leaves with the replaced database; `outgoing` is its name then, "" for none."""
    if not outgoing:
        return
    if seen.standbys:
        yield (
            f"Standbys follow this server ({_some(seen.standbys)}). Sessions on them cannot be seen from "
            "here, and go on reading the replaced database. After the swap, type on each: SELECT "
            f"pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{outgoing}';"
        )
    for item in seen.subscriptions:
        yield _stays(item)


def _stays(item: Subscription) -> str:
    return (
        f"The subscription {item.name} stays with the replaced database, which cannot be dropped before it: the new "
        f"one receives nothing until {item.owner} creates it again there. DROP SUBSCRIPTION {item.name} in the old one."
    )


def _about_locks(obstacles: Obstacles, chain_locks: int) -> Iterator[str]:
    need = max(obstacles.dump_tables, chain_locks)
    if need * _CROWDED > obstacles.lock_room > 0:
        what = "backup" if need == obstacles.dump_tables else "chain"
        yield (
            f"The {what} needs about {need:,} locks at a time, and the server has room for {obstacles.lock_room:,} "
            "in all its sessions: it may stop with “out of shared memory”, and so may the app. "
            f"{_more_locks(need, obstacles)}"
        )


def describe_obstacles(database: str, role: str, seen: Obstacles) -> Sequence[str]:
    """List everything of which a plan would warn; `database` is the live one's name."""
    return (
        *what_is_lost(seen, role, has_grants=True),
        *swap_warnings(seen, f"{database}_backstop_…"),
        *beside_chain(seen),
    )


def _some(names: Sequence[str]) -> str:
    """Join the first names, few enough that a line of the plan still shows what to type after them."""
    few = [name[:_LENGTH] for name in names[:_NAMED]]
    while len(few) > 1 and len(", ".join(few)) > _LENGTH:
        few.pop()
    return f"{', '.join(few)}{_and_more(len(names) - len(few))}"


def _and_more(count: int) -> str:
    return f" and {count:,} more" if count > 0 else ""

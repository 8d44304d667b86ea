"""Describes what a look at a database shows to be in the way of a backup, a restore or a swap."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Subscription:
    """A logical replication's receiving end, made in the database.

    Attributes:
        name, owner: quoted as SQL wants them.
        is_enabled: workers of its owner write in the database all the time.
        is_superusers: its owner is a superuser, so nobody else can end those workers.
    """

    name: str
    owner: str
    is_enabled: bool
    is_superusers: bool


@dataclass(frozen=True)
class HiddenRows:
    """A table whose rows a policy hides from our role; pg_dump refuses to leave any out.

    Attributes:
        table, owner: quoted as SQL wants them.
        is_forced: our role has its owner's rights, and row security is forced on owners, too.
    """

    table: str
    owner: str
    is_forced: bool


@dataclass(frozen=True)
class Belongings:
    """The objects of one role whose rights ours has not: how many, and the first of them, e.g. ``table public.lab``."""

    owner: str
    objects: int
    first: str
    is_superuser: bool


@dataclass(frozen=True)
class Obstacles:
    """The obstacles in a database and on its server; everything is empty, or 0, where nobody could look.

    Attributes:
        subscriptions: made in the database.
        standbys: of the server, each by name and address.
        hidden: tables whose rows policies hide from our role.
        forced: tables with forced row security, whether or not it holds for our role.
        unreadable: what a dump has to read and our role may not, e.g. ``table public.lab``.
        lost: what only a superuser can make, and a restore goes on without: event triggers, publications of everything.
        unloadable: what only a superuser can make, and stops the load of a backup that has it.
        extensions: those that only a superuser can create, and that new databases here do not have.
        belongings: of roles whose rights ours has not.
        grantees: roles to which rights on objects were granted; the public is one.
        dump_tables: tables, each of which a dump locks until its end.
        lock_room: objects that the server has promised to have room for, over all sessions.
        lock_sessions: sessions and prepared transactions, for each of which it has that room by a setting.
        lock_limit: those for which it has no room, even if nobody else locks anything.
    """

    subscriptions: tuple[Subscription, ...] = ()
    standbys: tuple[str, ...] = ()
    hidden: tuple[HiddenRows, ...] = ()
    forced: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    unloadable: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    belongings: tuple[Belongings, ...] = ()
    grantees: tuple[str, ...] = ()
    dump_tables: int = 0
    lock_room: int = 0
    lock_sessions: int = 0
    lock_limit: int = 0


NOTHING_SEEN = Obstacles()
"""Nothing is in the way, as far as anybody has looked."""

"""What stands in the way of a restore in place: told before anything is touched, while the app serves."""

import hashlib
import re
from collections.abc import Iterator

from bot.adapters.database.connections import Connection
from bot.adapters.database.inplace.keeping import read_kept
from bot.adapters.namedqueries import load
from bot.adapters.pgtools import PgTools, ToolFailedError
from bot.adapters.sides.archive import ENTRY, Contents
from bot.domain.backups import BundleKind
from bot.errors import PermanentError
from bot.ports import FetchedBundle

QUERIES = load("sql.inplace", "obstacles.sql")
LOADING = load("sql.sides", "loading.sql")
LOCKS_SHARE = 0.8
PART_BYTES = 8_388_608
LIVE = ("strangers_objects", "only_superusers", "defaults_of_strangers", "large_objects_of_strangers", "subscriptions")
SUPERUSERS = re.compile(
    r"(EVENT TRIGGER|TEXT SEARCH PARSER|TEXT SEARCH TEMPLATE|OPERATOR CLASS|OPERATOR FAMILY|ACCESS METHOD"
    r"|FOREIGN DATA WRAPPER|SUBSCRIPTION) \S+ (.*)"
)


def obstacles_within(conn: Connection) -> Iterator[str]:
    """What the database holds and could not be made again, one line each."""
    for query in LIVE:
        yield from (line for (line,) in conn.execute(QUERIES[query]).fetchall())
    kept = {"kept": list(read_kept(conn).extension_oids)}
    yield from (line for (line,) in conn.execute(QUERIES["others_extensions_hold"], kept).fetchall())
    needed, room = conn.execute(QUERIES["locks"]).fetchall()[0]
    if needed > room * LOCKS_SHARE:
        yield (
            f"about {needed:,} locks are needed to replace everything in one transaction, and the server has room "
            f"for {room:,} (max_locks_per_transaction)"
        )


def obstacles_of(conn: Connection, tools: PgTools, bundle: FetchedBundle) -> Iterator[str]:
    """What a bundle holds and could not be made in this database, one line each."""
    if bundle.kind is not BundleKind.DIRECTORY:
        yield "the bundle is not of Backstop's own making"
        return
    roles = {name: member for name, member, _ in conn.execute(LOADING["roles"])}
    lines = read_kept(conn).missing(read_list(tools, bundle))
    contents = Contents.read(lines, roles)
    asked = {"names": list(contents.extensions)}
    for (name,) in conn.execute(LOADING["refused_extensions"], asked).fetchall():
        yield f"the bundle needs the extension {name}, which only a superuser can make"
    yield from (f"the bundle has objects of {owner}" for owner in sorted(contents.owners) if not roles[owner])
    if contents.strange_owners:
        yield "the bundle has objects of a role that is not on this server"
    if not conn.execute("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user").fetchall()[0][0]:
        whats = [match["what"] for line in lines if (match := ENTRY.match(line))]
        yield from (f"the bundle has {what}, for superusers only" for what in whats if SUPERUSERS.match(what))


def read_list(tools: PgTools, bundle: FetchedBundle) -> list[str]:
    """The bundle's list of contents.

    Raises:
        PermanentError: ``load-failed``.
    """
    try:
        return list(tools.list_contents(bundle.path))
    except ToolFailedError as error:
        raise PermanentError(
            "load-failed", f"{error.tool} cannot read the bundle: {error.words}.", "Nothing was changed."
        ) from error


def uncounted_within(conn: Connection) -> str:
    """A digest of what no manifest counts, in the transaction under way: sequences' values, large objects."""
    digest = hashlib.sha256()
    for row in conn.execute(QUERIES["uncounted_sequences"]):
        digest.update(f"{row}\n".encode())
    for oid, owner, head, is_longer in conn.execute(QUERIES["uncounted_large_objects"]).fetchall():
        digest.update(f"{oid} {owner} {head}\n".encode())
        for part in _further_parts(conn, oid) if is_longer else ():
            digest.update(f"{part}\n".encode())
    return digest.hexdigest()


def _further_parts(conn: Connection, oid: int) -> Iterator[str]:
    offset, goes_on = PART_BYTES, True
    while goes_on:
        asked = {"oid": oid, "offset": offset}
        part, goes_on = conn.execute(QUERIES["large_object_part"], asked).fetchall()[0]
        yield part
        offset += PART_BYTES

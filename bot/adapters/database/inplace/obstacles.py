"""What stands in the way of a restore in place: told before anything is touched, while the app serves."""

import hashlib
import re
from collections.abc import Iterator, Sequence

import psycopg
from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.database.inplace.keeping import Configuration, read_kept
from bot.adapters.database.inplace.splitting import ScriptReader
from bot.adapters.namedqueries import load
from bot.adapters.pgtools import PgTools
from bot.adapters.sides.archive import ENTRY, Contents
from bot.adapters.toolfailures import ToolFailedError
from bot.domain.backups import BundleKind
from bot.errors import PermanentError
from bot.ports import FetchedBundle

QUERIES = load("sql.inplace", "obstacles.sql")
LOADING = load("sql.sides", "loading.sql")
LOCKS_SHARE = 0.8
PART_BYTES = 8_388_608
LIVE = ("strangers_objects", "only_superusers", "defaults_of_strangers", "large_objects_of_strangers", "subscriptions")
MAY_NOT = "our role may not replace (GRANT SELECT, INSERT, DELETE on a table, UPDATE on a sequence)"
SUPERUSERS = re.compile(
    r"(EVENT TRIGGER|TEXT SEARCH PARSER|TEXT SEARCH TEMPLATE|OPERATOR CLASS|OPERATOR FAMILY|ACCESS METHOD"
    r"|FOREIGN DATA WRAPPER|SUBSCRIPTION) \S+ (.*)"
)


def obstacles_within(conn: Connection) -> Iterator[str]:
    """What the database holds and could not be made again, one line each."""
    for query in LIVE:
        yield from (line for (line,) in conn.execute(QUERIES[query]).fetchall())
    kept = read_kept(conn)
    asked = {"kept": list(kept.extension_oids)}
    yield from (line for (line,) in conn.execute(QUERIES["others_extensions_hold"], asked).fetchall())
    for each in kept.configuration:
        if not each.replaceable and (each.is_sequence or _has_rows(conn, each)):
            yield f"an extension that stays keeps rows in {each.identity}, which {MAY_NOT}"
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
    kept, every = read_kept(conn), read_list(tools, bundle)
    lines = kept.missing(every)
    contents = Contents.read(lines, roles)
    asked = {"names": list(contents.extensions)}
    for (name,) in conn.execute(LOADING["refused_extensions"], asked).fetchall():
        yield f"the bundle needs the extension {name}, which only a superuser can make"
    yield from (f"the bundle has objects of {owner}" for owner in sorted(contents.owners) if not roles[owner])
    if contents.strange_owners:
        yield "the bundle has objects of a role that is not on this server"
    for each in kept.configuration:
        if not each.replaceable and _brings_rows(tools, bundle, each.entries_of(every)):
            yield f"the bundle has rows of an extension for {each.identity}, which {MAY_NOT}"
    if not conn.execute("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user").fetchall()[0][0]:
        whats = [match["what"] for line in lines if (match := ENTRY.match(line))]
        yield from (f"the bundle has {what}, for superusers only" for what in whats if SUPERUSERS.match(what))


def _has_rows(conn: Connection, table: Configuration) -> bool:
    """Whether there are any that are the database's own; so it is taken where we may not even look."""
    query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(table.rows)
    try:
        with conn.transaction():
            return bool(conn.execute(query).fetchall()[0][0])
    except psycopg.errors.InsufficientPrivilege:
        return True


def _brings_rows(tools: PgTools, bundle: FetchedBundle, entries: Sequence[str]) -> bool:
    if not entries:
        return False
    with tools.stream_sql(bundle.path, entries) as blocks:
        rows = [part.rows for part in ScriptReader(blocks).parts() if part.rows is not None and any(part.rows)]
    return bool(rows)


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

"""What of a database is published for logical replication, and the same in its shadow.

The server refuses to update or delete rows of a published table without a replica identity, be there rows or not. Our
dump leaves publications out, and so a chain that fails for that would pass its rehearsal.
"""

from collections.abc import Sequence

import psycopg
from psycopg import sql

from bot.adapters.database.connections import Connection
from bot.adapters.database.failures import server_words
from bot.adapters.named_queries import load
from bot.errors import PermanentError

QUERIES = load("sql.checks", "publications.sql")
REFUSED_BY = "CheckCmdReplicaIdentity"
"""The server's own function that refuses; its words depend on the server's language."""

Published = tuple[str, str, str]
"""Schema and name of a table, and what of it is published: ``update``, ``delete`` or ``update, delete``."""


def read_published(live: Connection) -> Sequence[Published]:
    """Tables whose updates or deletions some publication publishes, each once for each way."""
    return live.execute(QUERIES["published"]).fetchall()


def publish(shadow: Connection, published: Sequence[Published]) -> None:
    """Publish the same tables in the shadow, to nobody: no slot is there that anybody could read from."""
    ours = {(schema, name) for schema, name in shadow.execute(QUERIES["publishable"])}
    for number, actions in enumerate(sorted({actions for *_, actions in published})):
        tables = [sql.Identifier(*table) for *table, what in published if what == actions and tuple(table) in ours]
        if tables:
            create = sql.SQL("CREATE PUBLICATION {} FOR TABLE {} WITH (publish = {})")
            name = sql.Identifier(f"backstop_rehearsal_{number}")
            shadow.execute(create.format(name, sql.SQL(", ").join(tables), sql.Literal(actions)))


def lacks_identity(error: psycopg.Error) -> bool:
    """Whether the server refused to write a published table because it has no replica identity."""
    return error.diag.source_function == REFUSED_BY


def unidentifiable(place: str, error: psycopg.Error) -> PermanentError:
    """Make the refusal; `place` says what the server would not do."""
    return PermanentError(
        "no-replica-identity",
        f"{place} would fail: {server_words(error)}.",
        "Nothing was changed. Have the script keep the primary key, or set REPLICA IDENTITY FULL before it writes to "
        "that table; or take the table out of its publication first.",
    )

"""Functions whose body names something that is gone: PostgreSQL records no dependency for a body."""

import re
from collections.abc import Mapping

from bot.adapters.database.connections import Connection
from bot.adapters.named_queries import load
from bot.domain.catalogue import Catalogue, DatabaseObject

QUERIES = load("sql.checks", "chain.sql")
NAMED = frozenset(
    {"table", "view", "materialized view", "foreign table", "sequence", "function", "procedure", "type", "table column"}
)


def find_bodies(conn: Connection) -> Mapping[str, str]:
    """Bodies of the functions there are now, by identity."""
    return dict(conn.execute(QUERIES["function_bodies"]).fetchall())


def find_body_references(bodies: Mapping[str, str], before: Catalogue, after: Catalogue) -> tuple[str, ...]:
    """Identities of the functions whose body has the name of a dropped object as a word."""
    lost = before.lost_in(after)
    relations = {item.identity for item in lost if item.kind != "table column"}
    names = {_bare(item) for item in lost if item.kind in NAMED and item.part_of not in relations}
    if not names:
        return ()
    words = re.compile(r"(?<![\w$])(?:" + "|".join(map(re.escape, sorted(names))) + r")(?![\w$])", re.IGNORECASE)
    return tuple(sorted(identity for identity, body in bodies.items() if words.search(body)))


def _bare(item: DatabaseObject) -> str:
    return item.identity.partition("(")[0].rpartition(".")[2].strip('"')

"""Whether a replacement has been committed: the server itself remembers what became of a transaction."""

import psycopg

from bot.adapters.database.connections import Connection
from bot.adapters.database.inplace.obstacles import QUERIES
from bot.errors import PermanentError, TemporaryError


def was_committed(server: Connection, transaction: str) -> bool:
    """Ask for the outcome of a transaction whose session has ended.

    Raises:
        TemporaryError: ``outcome-unknown`` while it is still at work.
        PermanentError: ``outcome-unknown`` when the server does not remember it.
    """
    try:
        status = server.execute(QUERIES["outcome"], {"transaction": transaction}).fetchall()[0][0]
    except psycopg.errors.InvalidParameterValue:  # a number it has not given out yet: another server's
        status = None
    if status == "in progress":
        raise TemporaryError("outcome-unknown", "The load is still at work.", "It is asked again.")
    if status is None:
        raise PermanentError(
            "outcome-unknown",
            f"The server does not remember transaction {transaction}, so nobody knows whether the load was committed.",
            "Compare the database with the bundle and the emergency backup before anything else.",
        )
    return bool(status == "committed")

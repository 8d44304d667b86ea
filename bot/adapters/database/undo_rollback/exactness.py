"""Builds the refusals of an undo: it would not lead back to what was, or the server refuses it."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from bot.adapters.database.connections import LOCKED, is_disconnect, safe_message, translate
from bot.domain.catalogue import Catalogue
from bot.errors import PermanentError
from bot.ports import RecreationSpec

SHOWN = 5
ROLLED_BACK = "Everything was rolled back; nothing was changed."


def not_exact(why: str) -> PermanentError:
    """Build the refusal; `why` is a clause."""
    return PermanentError(
        "undo-not-exact",
        f"The undo would not lead back to what was: {why}.",
        "Nothing was changed. Restore the emergency backup instead, or bring it back by hand.",
    )


@contextmanager
def refused_as_undo() -> Iterator[None]:
    """Translate a server's refusal into an undo's error.

    Raises:
        PermanentError: ``undo-failed``.
        TemporaryError: ``table-locked``, ``database-unreachable``.
    """
    try:
        yield
    except psycopg.Error as error:
        if isinstance(error, LOCKED) or is_disconnect(error):
            raise translate(error, "The undo") from error
        raise PermanentError("undo-failed", f"The undo failed: {safe_message(error)}.", ROLLED_BACK) from error


def other_catalogue(spec: RecreationSpec, now: Catalogue) -> PermanentError:
    """Build the refusal where the catalogue is another than before the chain."""
    missing = sorted(spec.objects - {(item.kind, item.identity) for item in now.objects})
    names = ", ".join(f"{kind} {identity}" for kind, identity in missing[:SHOWN])
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    why = f"{names}{more} would be missing" if missing else "what went is there again, and something has changed since"
    return PermanentError(
        "undo-not-exact",
        f"The schema would not be again what it was before the chain: {why}.",
        "Nothing was changed. Restore the emergency backup instead, or bring back by hand what is missing.",
    )

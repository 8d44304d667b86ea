"""Isolates failures: one failing item does not keep the others from being done."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from bot.errors import BotError

_log = logging.getLogger(__name__)


@contextmanager
def by_itself(what: str) -> Iterator[None]:
    """Let it fail without failing what comes after it; the log has what failed, and why."""
    try:
        yield
    except BotError as error:
        _log.warning("%s: %s", what, error.reference)
    except Exception:  # noqa: BLE001 -- a bug in one place must not leave the others' undone
        _log.exception("%s", what)

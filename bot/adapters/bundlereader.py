"""Reading a dump to its end without a database.

`pg_restore --list` is content with a dump cut in half (FACTS), so the whole of it is turned into SQL and thrown away.
"""

from pathlib import Path

from bot.adapters.pgtools import PgTools, ToolFailedError
from bot.domain.backups import BundleKind
from bot.errors import PermanentError
from bot.ports import FetchedBundle

_TAIL_BYTES = 4096
_COMPLETE = (b"PostgreSQL database dump complete", b"PostgreSQL database cluster dump complete")
"""How a plain dump ends: pg_dump writes it last."""


class ToolBundleReader:
    """Implements `bot.ports.BundleReader` with pg_restore.

    Args:
        tools: of the newest server's version or newer.
    """

    def __init__(self, tools: PgTools) -> None:
        self._tools = tools

    def read_through(self, bundle: FetchedBundle) -> None:
        """See `bot.ports.BundleReader.read_through`. Of plain SQL only the end can be judged without a server."""
        if bundle.kind is BundleKind.PLAIN:
            _check_end(bundle.path)
            return
        try:
            self._tools.start("pg_restore", ["--file=/dev/null", str(bundle.path)], {}).wait()
        except ToolFailedError as error:
            raise _unreadable(f"pg_restore cannot read it to its end: {error.words}.") from error


def _check_end(path: Path) -> None:
    with path.open("rb") as file:
        size_bytes = file.seek(0, 2)
        file.seek(max(0, size_bytes - _TAIL_BYTES))
        tail = file.read()
    if not any(mark in tail for mark in _COMPLETE):
        raise _unreadable("The SQL ends without pg_dump's own last line, so it was cut off.")


def _unreadable(message: str) -> PermanentError:
    return PermanentError("bundle-unreadable", message, "Do not count on this backup; choose another, or take one now.")

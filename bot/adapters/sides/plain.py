"""Prepares a plain dump for psql, with no shell in reach.

The dump was checked while it was unpacked; this is the second line of defence: psql in restricted mode under a key of
ours, without its own configuration, and with an empty PATH.
"""

import json
import re
import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.adapters.database.connections import KNOWS_TRANSACTION_TIMEOUT
from bot.adapters.pgclient.tools import VERSION, PgTools
from bot.adapters.sides.ownership import Ownership, Span
from bot.errors import PermanentError

# The minor version of each major that introduced ``\restrict``; later majors have it from the start.
RESTRICT_SINCE = {13: 22, 14: 19, 15: 14, 16: 10, 17: 6}

OWN_KEY = re.compile(rb"^\\(restrict) ([A-Za-z0-9]+)\r?$", re.MULTILINE)
TRANSACTION_TIMEOUT = re.compile(rb"^SET transaction_timeout = 0;", re.MULTILINE)
EDGE_BYTES = 64 * 1024
PIECE_BYTES = 64 * 1024 * 1024
NOWHERE = "/nonexistent"


def check_psql(tools: PgTools) -> None:
    """Refuse a psql that cannot be kept from running commands.

    Raises:
        PermanentError: ``tool-too-old``, ``tool-missing``.
    """
    match = VERSION.match(f"(PostgreSQL) {tools.version('psql')}")
    major, minor = (int(match[1]), int(match[2] or 0)) if match else (0, 0)
    if major < min(RESTRICT_SINCE) or minor < RESTRICT_SINCE.get(major, 0):
        raise PermanentError(
            "tool-too-old",
            f"psql is {tools.version('psql')}, which a plain dump could make run commands of its own (CVE-2025-8714).",
            "Install current PostgreSQL client tools; point pg_bin in backstop.toml at them.",
        )


def build_environment(home: Path) -> Mapping[str, str]:
    """Build an environment in which psql finds no shell, no program and no configuration.

    Args:
        home: an empty directory.
    """
    nothing = dict.fromkeys(("SHELL", "PAGER", "PSQL_PAGER", "PSQL_EDITOR", "EDITOR", "VISUAL"), NOWHERE)
    files = {"PSQLRC": "/dev/null", "PSQL_HISTORY": "/dev/null", "PGSERVICEFILE": "/dev/null"}
    return {**nothing, **files, "PATH": "", "HOME": str(home)}


class PlainDump:
    """An unpacked plain dump.

    Args:
        file: ours alone: it is changed in place.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def take_ownership(self, found: Ownership) -> None:
        """Blank what the dump says about owners and privileges, and keep it beside the file for the handover.

        Bytes are overwritten in place, so that lines stay where they were.
        """
        kept = {"owners": list(found.owners), "privileges": list(found.privileges)}
        _beside(self._file).write_text(json.dumps(kept), encoding="utf-8")
        spans = deque(found.spans)
        with self._file.open("r+b") as file:
            line, at = 1, 0
            while spans and (text := file.readline(PIECE_BYTES)):
                if spans[0].line <= line:
                    file.seek(at)
                    file.write(_blank(text, line, spans))
                at += len(text)
                line += text.endswith(b"\n")

    def kept_ownership(self) -> Ownership | None:
        """Read what `take_ownership` has kept; None where it has not been called for this file."""
        kept = _beside(self._file)
        if not kept.exists():
            return None
        values = json.loads(kept.read_text(encoding="utf-8"))
        return Ownership([(text, role) for text, role in values["owners"]], values["privileges"], ())

    def arguments(self) -> Sequence[str]:
        """Build psql's arguments: the key first, then the file, in one session that the first error ends."""
        key = secrets.token_hex(16)
        quiet = ["--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]
        return [*quiet, f"--command=\\restrict {key}", f"--file={self._file}"]

    def prepare(self, server_version: int) -> None:
        """Comment out the dump's own keys, so that ours holds to the end, and a setting an older server does not know.

        Bytes are overwritten in place: a copy would need the disk twice.

        Args:
            server_version: of the server it is loaded into, as `server_version_num`.
        """
        with self._file.open("r+b") as file:
            head = file.read(EDGE_BYTES)
            own = OWN_KEY.search(head)
            places = [own.start()] if own else []
            if own:
                places += self._find_closing(file.seek(0, 2), own[2])
            if server_version < KNOWS_TRANSACTION_TIMEOUT:
                places += [match.start() for match in TRANSACTION_TIMEOUT.finditer(head)]
            for place in places:
                file.seek(place)
                file.write(b"--")

    def _find_closing(self, size_bytes: int, key: bytes) -> Sequence[int]:
        start = max(0, size_bytes - EDGE_BYTES)
        with self._file.open("rb") as file:
            file.seek(start)
            tail = file.read()
        return [start + match.start() for match in re.finditer(rb"^\\unrestrict " + key + rb"\r?$", tail, re.MULTILINE)]


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.ownership.json")


def _blank(text: bytes, line: int, spans: deque[Span]) -> bytes:
    """Blank what lies in a line; spans that end in it are done with."""
    blanked = bytearray(text)
    while spans and spans[0].line <= line:
        span = spans[0]
        begin = span.column if line == span.line else 0
        end = span.end_column if line == span.end_line else len(text.rstrip(b"\r\n"))
        blanked[begin:end] = b" " * (end - begin)
        if line < span.end_line:
            break
        spans.popleft()
    return bytes(blanked)

"""Up scripts, by which a drill goes up again. No run relies on them: what cannot be run is told, not refused."""

import re
from collections.abc import Mapping
from pathlib import Path

from bot.adapters.migration_files.header import InvalidScriptError
from bot.adapters.migration_files.rules import LEAVE_OUT, Node, fault_of, is_transaction_control, postgast
from bot.domain.migrations import UpScript
from bot.errors import PermanentError

FILE_NAME = re.compile(r"(\d+)_[A-Za-z0-9_.\-]+\.sql")


class UpFiles:
    """``NNN_name.sql`` files in a directory; others are left alone, some tools keep their down scripts there too."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def load(self) -> Mapping[int, UpScript]:
        """Read every one, fresh from disk.

        Raises:
            PermanentError: ``invalid-script`` where two are of the same version.
        """
        scripts: dict[int, UpScript] = {}
        for path in sorted(self._directory.glob("*.sql")):
            match = FILE_NAME.fullmatch(path.name)
            if match is None or path.stem.endswith(".down"):
                continue
            script = _read(path, int(match[1]))
            if script.version in scripts:
                other = scripts[script.version].name
                raise invalid(path, InvalidScriptError(1, f"{other} is the up script of that version too"))
            scripts[script.version] = script
        return scripts


def _read(path: Path, version: int) -> UpScript:
    try:
        text = path.read_bytes().decode()
        statements = parse(text).stmts
    except UnicodeDecodeError:
        return UpScript(version, path.stem, (), "it is not UTF-8")
    except InvalidScriptError as error:
        return UpScript(version, path.stem, (), f"line {error.line}, {error.fault}")
    encoded, kept = text.encode(), []
    for raw in statements:
        end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(encoded)
        line = encoded[: raw.stmt_location].count(b"\n") + 1
        if is_transaction_control(raw.stmt):
            continue
        if fault := fault_of(raw.stmt):
            return UpScript(version, path.stem, (), f"line {line}, {fault}")
        kept.append((line, encoded[raw.stmt_location : end].decode().strip()))
    return UpScript(version, path.stem, tuple(kept))


def parse(text: str) -> Node:
    """Parse a script by PostgreSQL's own grammar.

    Raises:
        InvalidScriptError: it is no SQL; says where.
    """
    try:
        return postgast.parse(text)
    except postgast.PgQueryError as error:
        before = text.encode()[: max(error.cursorpos - 1, 0)]
        line = before.count(b"\n") + 1
        written = text.splitlines()[line - 1].strip() if text.splitlines() else ""
        if written.startswith("\\"):
            raise InvalidScriptError(line, f"{written.split()[0]} is psql's, not SQL", LEAVE_OUT) from error
        raise InvalidScriptError(line, error.message, "Correct the SQL.") from error


def invalid(path: Path, error: InvalidScriptError) -> PermanentError:
    """``invalid-script``, with file and line."""
    return PermanentError("invalid-script", f"{path.name}:{error.line}: {error.fault}.", error.hint)

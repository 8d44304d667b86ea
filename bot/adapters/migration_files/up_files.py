"""Reads up scripts, which drills run again after the down scripts.

No run relies on them, so a script that cannot be run is reported, not refused.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from bot.adapters.migration_files.rules import find_fault, is_transaction_control
from bot.adapters.migration_files.syntax import InvalidScriptError, parse_statements
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
                raise invalid_script(path, InvalidScriptError(1, f"{other} is the up script of that version too"))
            scripts[script.version] = script
        return scripts


def _read(path: Path, version: int) -> UpScript:
    try:
        text = path.read_bytes().decode()
        if "\0" in text:
            return UpScript(version, path.stem, (), "it has a NUL byte")
        statements = list(parse_statements(text))
    except UnicodeDecodeError:
        return UpScript(version, path.stem, (), "it is not UTF-8")
    except InvalidScriptError as error:
        return UpScript(version, path.stem, (), f"line {error.line}, {error.fault}")
    kept = []
    for line, sql, node in statements:
        if is_transaction_control(node):
            continue
        if fault := find_fault(node):
            return UpScript(version, path.stem, (), f"line {line}, {fault}")
        kept.append((line, sql))
    return UpScript(version, path.stem, tuple(kept))


def invalid_script(path: Path, error: InvalidScriptError) -> PermanentError:
    """Make the error ``invalid-script``, with file and line."""
    return PermanentError("invalid-script", f"{path.name}:{error.line}: {error.fault}.", error.hint)

"""Down scripts, read from a directory and validated before anybody relies on them.

The bot owns transactions and the tracking table: a script's own BEGIN, COMMIT and ``DELETE FROM schema_migrations`` for
its own version are taken out, whatever else touches them is refused.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from bot.adapters.migration_files.effects import Impact, impact_of, merged
from bot.adapters.migration_files.header import Header, InvalidScriptError, read_header
from bot.adapters.migration_files.rules import (
    LEAVE_OUT,
    Node,
    body_of,
    composes,
    enum_name,
    fault_of,
    is_transaction_control,
    kind_of,
    messages,
    nodes_of,
    statements_within,
)
from bot.adapters.migration_files.up_files import UpFiles, invalid, parse
from bot.domain.migrations import DownScript, Statement, UpScript
from bot.errors import PermanentError

FILE_NAME = re.compile(r"(\d+)_[A-Za-z0-9_\-]+\.sql")
LEADING_DIGITS = re.compile(r"\d+")


class ScriptFiles:
    """A `bot.ports.Scripts` over ``NNN_name.sql`` files.

    Args:
        directory: where they are.
        tracking_table: the table the bot owns, with or without its schema.
        up_directory: where the up scripts are, if anybody says so.
    """

    def __init__(self, directory: Path, tracking_table: str, up_directory: Path | None = None) -> None:
        self._directory = directory
        self._ups = UpFiles(up_directory) if up_directory else None
        self._schema, _, self._table = tracking_table.rpartition(".")

    def load(self) -> Mapping[int, DownScript]:
        """Read and validate every script, fresh from disk.

        Raises:
            PermanentError: ``invalid-script`` names file, line and fault.
        """
        scripts: dict[int, DownScript] = {}
        for path in self._files():
            script = self._read(path)
            if script.version in scripts:
                raise invalid(path, InvalidScriptError(1, f"{scripts[script.version].name} undoes that version too"))
            scripts[script.version] = script
        return dict(sorted(scripts.items()))

    def load_ups(self) -> Mapping[int, UpScript]:
        """Read every up script, fresh from disk; see `bot.ports.Scripts.load_ups`."""
        return self._ups.load() if self._ups else {}

    def _files(self) -> list[Path]:
        files = sorted(path for path in self._directory.glob("*.sql") if path.is_file())
        if not files:
            raise PermanentError(
                "invalid-script",
                f"There is no down script in {self._directory.name}/.",
                "Set [migrations] down_dir in backstop.toml.",
            )
        return files

    def _read(self, path: Path) -> DownScript:
        content = path.read_bytes()
        try:
            return self._understand(path, content)
        except UnicodeDecodeError as error:
            raise invalid(path, InvalidScriptError(1, "it is not UTF-8")) from error
        except InvalidScriptError as error:
            raise invalid(path, error) from error

    def _understand(self, path: Path, content: bytes) -> DownScript:
        match = FILE_NAME.fullmatch(path.name)
        if match is None:
            raise InvalidScriptError(1, "the name is not NNN_name.sql", "Rename it.")
        text, version = content.decode(), int(match[1])
        header = read_header(text, path.stem)
        statements = tuple(self._statements(text, version))
        if not statements:
            raise InvalidScriptError(1, "it has no statement, so it would undo nothing")
        return _script(version, header, statements, hashlib.sha256(content).hexdigest())

    def _statements(self, text: str, version: int) -> Iterator[Statement]:
        encoded = text.encode()
        for raw in parse(text).stmts:
            end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(encoded)
            line = encoded[: raw.stmt_location].count(b"\n") + 1
            if is_transaction_control(raw.stmt) or self._is_bookkeeping(raw.stmt, version):
                continue
            impact = self._judge(raw.stmt, line)
            sql = encoded[raw.stmt_location : end].decode().strip()
            yield Statement(sql, line, **asdict(impact), composes=composes(raw.stmt))

    def _judge(self, node: Node, line: int) -> Impact:
        fault = fault_of(node) or self._fault_of_tracking(node)
        try:
            within = list(statements_within(node))
        except ValueError as error:
            raise InvalidScriptError(line, str(error), LEAVE_OUT) from error
        faults = [fault, *(fault_of(inner) or self._fault_of_tracking(inner) for inner in within)]
        if any(faults):
            raise InvalidScriptError(line, next(filter(None, faults)), LEAVE_OUT)
        return merged([impact_of(inner) for inner in within]) if kind_of(node) == "do_stmt" else impact_of(node)

    def _is_tracking(self, schema: str, name: str) -> bool:
        return name == self._table and (not schema or not self._schema or schema == self._schema)

    def _is_bookkeeping(self, node: Node, version: int) -> bool:
        """Whether it is the procedures' ``DELETE FROM schema_migrations WHERE version = '027'``, for this version."""
        if kind_of(node) != "delete_stmt" or not self._is_tracking(
            node.delete_stmt.relation.schemaname, node.delete_stmt.relation.relname
        ):
            return False
        where = body_of(node).where_clause
        if kind_of(where) != "a_expr" or [name.string.sval for name in where.a_expr.name] != ["="]:
            return False
        sides = {kind_of(where.a_expr.lexpr), kind_of(where.a_expr.rexpr)}
        values = [item.sval.sval or str(item.ival.ival) for item in messages(where, "A_Const")]
        digits = LEADING_DIGITS.match(values[0]) if len(values) == 1 else None
        return sides == {"column_ref", "a_const"} and digits is not None and int(digits[0]) == version

    def _fault_of_tracking(self, node: Node) -> str:
        """Nobody but the bot touches the tracking table; a migration that gave it a column may take it away again."""
        named = any(self._is_tracking(item.schemaname, item.relname) for item in messages(node, "RangeVar"))
        named = named or (kind_of(node) == "drop_stmt" and self._drops_tracking(node))
        if not named or self._only_drops_columns(node):
            return ""
        return f"the bot owns {self._table}: it removes each version's row itself"

    def _drops_tracking(self, node: Node) -> bool:
        for item in body_of(node).objects:
            parts = [name.sval for name in nodes_of(item) if type(name).__name__ == "String"]
            if self._table in parts:
                return True
        return False

    def _only_drops_columns(self, node: Node) -> bool:
        if kind_of(node) != "alter_table_stmt":
            return False
        return all(enum_name(command.alter_table_cmd, "subtype") == "AT_DropColumn" for command in body_of(node).cmds)


def _script(version: int, header: Header, statements: tuple[Statement, ...], sha256: str) -> DownScript:
    return DownScript(
        version=version,
        name=header.migration,
        adds=header.adds,
        impact=header.impact,
        data_loss=header.data_loss,
        verify=header.verify,
        statements=statements,
        sha256=sha256,
    )

"""Reads down scripts from a directory, and validates them before anybody relies on them.

The bot owns transactions and the tracking table: a script's own BEGIN, COMMIT and ``DELETE FROM schema_migrations`` for
its own version are taken out; everything else that touches them is refused.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bot.adapters.migration_files.rules import (
    composes_sql,
    find_fault,
    is_transaction_control,
    statements_within,
)
from bot.adapters.migration_files.syntax import (
    LEAVE_OUT,
    Impact,
    InvalidScriptError,
    Node,
    enum_name,
    find_messages,
    merge_impacts,
    name_kind,
    parse_statements,
    read_impact,
    unwrap,
    walk,
)
from bot.adapters.migration_files.up_files import UpFiles, invalid_script
from bot.domain.migrations import DownScript, Statement, UpScript, broken_script
from bot.errors import BotError, PermanentError

FILE_NAME = re.compile(r"(\d+)_[A-Za-z0-9_\-]+\.sql")
LEADING_DIGITS = re.compile(r"\d+")
KEYS = ("migration", "adds", "impact", "data-loss", "verify")
REPEATABLE = frozenset({"verify"})
ENTRY = re.compile(r"--\s*([a-z][a-z-]*):\s*(.*)")
UNNAMED = InvalidScriptError(1, "the name is not NNN_name.sql", "Rename it.")
NO_LOSS = "none"


@dataclass(frozen=True)
class Header:
    """See the same names in `bot.domain.migrations.DownScript`."""

    name: str
    adds: str
    impact: str
    data_loss: tuple[str, ...]
    verify: tuple[str, ...]


class ScriptFiles:
    """A `bot.ports.Scripts` over ``NNN_name.sql`` files.

    Args:
        directory: holds them.
        tracking_table: the table the bot owns, with or without its schema.
        up_directory: holds the up scripts, if configured.
    """

    def __init__(self, directory: Path, tracking_table: str, up_directory: Path | None = None) -> None:
        self._directory = directory
        self._ups = UpFiles(up_directory) if up_directory else None
        self._schema, _, self._table = tracking_table.rpartition(".")

    def load(self) -> Mapping[int, DownScript]:
        """Read and validate every script, fresh from disk. One that cannot be run has its fault with it.

        Raises:
            PermanentError: ``invalid-script``: there is no script at all.
        """
        scripts: dict[int, DownScript] = {}
        for path in self._files():
            script = self._read(path)
            if script is None:
                continue
            if other := scripts.get(script.version):
                twice = InvalidScriptError(1, f"{other.name} undoes that version too")
                script = broken_script(script.version, script.name, script.sha256, invalid_script(path, twice))
            scripts[script.version] = script
        return dict(sorted(scripts.items()))

    def faults(self) -> Sequence[BotError]:
        """List what keeps scripts from being run, files without a version included."""
        unnamed = [invalid_script(path, UNNAMED) for path in self._files() if FILE_NAME.fullmatch(path.name) is None]
        return [*unnamed, *(script.fault for script in self.load().values() if script.fault)]

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

    def _read(self, path: Path) -> DownScript | None:
        """Read a script; None where its name has no version, so that no chain can need it."""
        match = FILE_NAME.fullmatch(path.name)
        if match is None:
            return None
        content, version = path.read_bytes(), int(match[1])
        # decision 2: approvals are for this content, to the byte.
        digest = hashlib.sha256(content).hexdigest()
        try:
            return self._parse(path, content, version, digest)
        except UnicodeDecodeError:
            fault = InvalidScriptError(1, "it is not UTF-8")
        except InvalidScriptError as error:
            fault = error
        # decision 43: one that cannot be run must not keep the others from it.
        return broken_script(version, path.stem, digest, invalid_script(path, fault))

    def _parse(self, path: Path, content: bytes, version: int, digest: str) -> DownScript:
        text = content.decode()
        if "\0" in text:  # which would end it for the parser, silently
            line = text[: text.index("\0")].count("\n") + 1
            raise InvalidScriptError(line, "it has a NUL byte", "Take it out.")
        header = read_header(text, path.stem)
        statements = tuple(self._statements(text, version))
        if not statements:
            raise InvalidScriptError(1, "it has no statement, so it would undo nothing")
        return DownScript(version=version, **vars(header), statements=statements, sha256=digest)

    def _statements(self, text: str, version: int) -> Iterator[Statement]:
        for line, sql, node in parse_statements(text):
            # decision 6: the bot owns the transaction and the tracking table.
            if not is_transaction_control(node) and not self._is_bookkeeping(node, version):
                block = name_kind(node) == "do_stmt"
                effect = asdict(self._check(node, line))
                yield Statement(sql, line, **effect, composes=composes_sql(node), block=block)

    def _check(self, node: Node, line: int) -> Impact:
        fault = find_fault(node) or self._find_tracking_fault(node)
        try:
            within = list(statements_within(node))
        except ValueError as error:
            raise InvalidScriptError(line, str(error), LEAVE_OUT) from error
        faults = [fault, *(find_fault(inner) or self._find_tracking_fault(inner) for inner in within)]
        if any(faults):
            raise InvalidScriptError(line, next(filter(None, faults)), LEAVE_OUT)
        if name_kind(node) == "do_stmt":
            return merge_impacts([read_impact(inner) for inner in within])
        return read_impact(node)

    def _is_tracking(self, schema: str, name: str) -> bool:
        return name == self._table and (not schema or not self._schema or schema == self._schema)

    def _is_bookkeeping(self, node: Node, version: int) -> bool:
        """Say if it is the usual ``DELETE FROM schema_migrations WHERE version = '027'``, for this version."""
        if name_kind(node) != "delete_stmt" or not self._is_tracking(
            node.delete_stmt.relation.schemaname, node.delete_stmt.relation.relname
        ):
            return False
        where = unwrap(node).where_clause
        if name_kind(where) != "a_expr" or [name.string.sval for name in where.a_expr.name] != ["="]:
            return False
        sides = {name_kind(where.a_expr.lexpr), name_kind(where.a_expr.rexpr)}
        values = [item.sval.sval or str(item.ival.ival) for item in find_messages(where, "A_Const")]
        digits = LEADING_DIGITS.match(values[0]) if len(values) == 1 else None
        return sides == {"column_ref", "a_const"} and digits is not None and int(digits[0]) == version

    def _find_tracking_fault(self, node: Node) -> str:
        """Say if it touches the tracking table, which only the bot may; columns of it may be dropped, though."""
        named = any(self._is_tracking(item.schemaname, item.relname) for item in find_messages(node, "RangeVar"))
        named = named or (name_kind(node) == "drop_stmt" and self._drops_tracking(node))
        if not named or self._only_drops_columns(node):
            return ""
        return f"the bot owns {self._table}: it removes each version's row itself"

    def _drops_tracking(self, node: Node) -> bool:
        for item in unwrap(node).objects:
            parts = [name.sval for name in walk(item) if type(name).__name__ == "String"]
            if self._table in parts:
                return True
        return False

    def _only_drops_columns(self, node: Node) -> bool:
        if name_kind(node) != "alter_table_stmt":
            return False
        return all(enum_name(command.alter_table_cmd, "subtype") == "AT_DropColumn" for command in unwrap(node).cmds)


def read_header(text: str, stem: str) -> Header:
    """Read and validate the header: comment lines ``-- key: value`` at the top of a script.

    Args:
        text: the whole script.
        stem: the file's name without ``.sql``, which `migration` must repeat.

    Raises:
        InvalidScriptError: a key is missing, unknown, there twice or empty; a check is no SELECT or expression.
    """
    entries = _entries(text)
    missing = [key for key in KEYS if key not in entries]
    if missing:
        raise InvalidScriptError(
            1, f"the header lacks {', '.join(missing)}", f"Add a line -- {missing[0]}: … at the top."
        )
    line, migration = entries["migration"][0]
    if migration != stem:
        raise InvalidScriptError(line, f"the header says {migration}, the file {stem}", "Make them the same.")
    for line, query in entries["verify"]:
        _check_query(line, query)
    loss = entries["data-loss"][0][1]
    tables = () if loss == NO_LOSS else tuple(name.strip() for name in loss.split(",") if name.strip())
    return Header(
        migration,
        entries["adds"][0][1],
        entries["impact"][0][1],
        tables,
        tuple(query for _, query in entries["verify"]),
    )


def _entries(text: str) -> Mapping[str, list[tuple[int, str]]]:
    """Read values by key, each with its line; the header ends at the first line that is neither comment nor blank."""
    entries: dict[str, list[tuple[int, str]]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("--"):
            break
        match = ENTRY.fullmatch(line.rstrip())
        if match is None:
            continue
        key, value = match.groups()
        if key not in KEYS:
            raise InvalidScriptError(number, f"the header's {key} is unknown", f"Known: {', '.join(KEYS)}.")
        if not value:
            raise InvalidScriptError(number, f"the header's {key} is empty", "Fill it in; data-loss may be none.")
        if key in entries and key not in REPEATABLE:
            raise InvalidScriptError(number, f"the header's {key} is there twice", "Keep one of them.")
        entries.setdefault(key, []).append((number, value))
    return entries


def _check_query(line: int, query: str) -> None:
    """Check that it is one SELECT, or an expression."""
    for text in (query, f"SELECT ({query})"):
        try:
            statements = [node for *_, node in parse_statements(text)]
        except InvalidScriptError:
            continue
        if len(statements) == 1 and name_kind(statements[0]) == "select_stmt":
            return
        break
    raise InvalidScriptError(line, "verify is no SELECT or expression", "Write what is true once it is undone.")

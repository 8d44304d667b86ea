"""Finds what a dump says about owners and privileges, which the loader has no right to set.

The statements are found with PostgreSQL's own grammar and judged again, because our role runs them: what lies in a
string or in a function's body is none of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, NamedTuple

from psycopg import sql

from bot.adapters.dump_statements.allowlist import Allowlist
from bot.adapters.dump_statements.grammar import decode
from bot.adapters.dump_statements.refusal import KnownObjects, UnsafeStatementError, refuse
from bot.adapters.dump_statements.rules import Terms
from bot.adapters.dump_statements.script import ScriptReader
from bot.adapters.migration_files.syntax import Node, enum_name, name_kind

PRIVILEGES = ("grant_stmt", "alter_default_privileges_stmt")


class Span(NamedTuple):
    """A statement's place in a file: lines from 1, columns in bytes from 0; the end is not part of it."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True)
class Ownership:
    """Statements that our role runs when the loader hands its database over.

    Attributes:
        owners: ``ALTER … OWNER TO``, in their order, each with the role it names.
        privileges: ``GRANT``, ``REVOKE`` and ``ALTER DEFAULT PRIVILEGES``, with ``SET ROLE`` where a dump repeats the
            grants of another role in that role's session.
        spans: places of all of them.
    """

    owners: Sequence[tuple[str, str]]
    privileges: Sequence[str]
    spans: Sequence[Span]


def read_ownership(file: IO[bytes], known: KnownObjects, *, script: bool, dump: str = "") -> Ownership:
    """Read a plain dump, or a script that pg_restore has written, to its end.

    Args:
        file: the dump.
        known: see `Terms.known`.
        script: it is a plain dump, with rows.
        dump: the bundle's name.

    Raises:
        PermanentError: ``bundle-unsafe-statement``, ``bundle-foreign-object``.
    """
    recorder = _Recorder(Terms(known, script=script))
    try:
        ScriptReader(file, recorder).check(rows=script)
    except UnsafeStatementError as error:
        raise refuse(error, dump) from error
    return Ownership(recorder.owners, recorder.privileges, recorder.spans)


class _Recorder(Allowlist):
    """Judges statements, and keeps those about owners and privileges."""

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms)
        self.owners: list[tuple[str, str]] = []
        self.privileges: list[str] = []
        self.spans: list[Span] = []

    def check_parsed(self, text: bytes, tree: Node, line: int = 1) -> bool:
        """Judge the statements of a text, then keep some of them."""
        ended = super().check_parsed(text, tree, line)
        encoded = b""
        for raw in tree.stmts:
            kind, node = name_kind(raw.stmt), raw.stmt
            owner, privilege = _new_owner(kind, node), _sets_privilege(kind, node)
            if owner is None and not privilege:
                continue
            encoded = encoded or decode(text).encode()
            start = raw.stmt_location
            stop = start + raw.stmt_len if raw.stmt_len else len(encoded)
            start += len(encoded[start:stop]) - len(encoded[start:stop].lstrip())
            statement = encoded[start:stop].decode()
            if owner is not None:
                self.owners.append((statement, owner))
            else:
                self.privileges.append(_as_role(node) if kind == "variable_set_stmt" else statement)
            self.spans.append(_place(text, encoded, line, start, stop))
        return ended


def _new_owner(kind: str, node: Node) -> str | None:
    """Read the role that a statement makes an object's owner; None where it makes none."""
    if kind == "alter_owner_stmt":
        return str(node.alter_owner_stmt.newowner.rolename)
    commands = [command.alter_table_cmd for command in node.alter_table_stmt.cmds] if kind == "alter_table_stmt" else []
    if [enum_name(command, "subtype") for command in commands] != ["AT_ChangeOwner"]:
        return None
    return str(commands[0].newowner.rolename)


def _sets_privilege(kind: str, node: Node) -> bool:
    if kind == "variable_set_stmt":
        return bool(node.variable_set_stmt.name == "session_authorization")
    return kind in PRIVILEGES


def _as_role(node: Node) -> str:
    """Stand in for the session of another role, which only a superuser can open."""
    values = [value.a_const.sval.sval for value in node.variable_set_stmt.args]
    return f"SET ROLE {sql.Identifier(*values).as_string()}" if values and values[0] else "RESET ROLE"


def _place(text: bytes, encoded: bytes, line: int, start: int, stop: int) -> Span:
    """Count lines and columns in the file's own bytes: the grammar counts in UTF-8."""
    if len(encoded) != len(text):
        start, stop = (len(encoded[:place].decode().encode("latin-1")) for place in (start, stop))
    return Span(*_position(text, line, start), *_position(text, line, stop))


def _position(text: bytes, line: int, place: int) -> tuple[int, int]:
    return line + text.count(b"\n", 0, place), place - (text.rfind(b"\n", 0, place) + 1)

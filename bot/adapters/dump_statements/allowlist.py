"""Judges statements against the list of what pg_dump writes for one database: what nobody has thought of is refused."""

import re

from bot.adapters.dump_statements.grammar import UNREADABLE, SyntaxFaultError, decode, parse, position
from bot.adapters.dump_statements.refusal import UnsafeStatementError
from bot.adapters.dump_statements.rules import FREE, RULES, LackingError, Terms
from bot.adapters.migration_files.syntax import Node, enum_name, name_kind, unwrap

_BEFORE = re.compile(rb"(?:\s|--[^\n]*(?:\n|\Z))*")
WORDS = {
    "create_plang": "CREATE LANGUAGE",
    "create_fdw": "CREATE FOREIGN DATA WRAPPER",
    "create_am": "CREATE ACCESS METHOD",
    "createdb": "CREATE DATABASE",
    "dropdb": "DROP DATABASE",
    "create_event_trig": "CREATE EVENT TRIGGER",
    "alter_event_trig": "ALTER EVENT TRIGGER",
    "create_foreign_server": "CREATE SERVER",
    "create_table_space": "CREATE TABLESPACE",
    "drop_table_space": "DROP TABLESPACE",
    "alter_role_set": "ALTER ROLE",
    "grant_role": "GRANT of a role",
    "variable_set": "SET",
    "create_table_as": "CREATE TABLE AS",
    "check_point": "CHECKPOINT",
}


class Allowlist:
    """Checks texts under some terms."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def check(self, text: bytes, line: int = 1) -> bool:
        """Check every statement of a text; say if the last one is ended by a semicolon.

        Args:
            text: SQL, read as the server would: with standard strings.
            line: of the text's first line.

        Raises:
            UnsafeStatementError: one is not on the list, or the text is no SQL.
        """
        try:
            return self.check_parsed(text, parse(text), line)
        except SyntaxFaultError as error:
            at = decode(text).encode()[: max(position(error) - 1, 0)].count(b"\n")
            raise UnsafeStatementError(UNREADABLE, line + at) from error

    def check_parsed(self, text: bytes, tree: Node, line: int = 1) -> bool:
        """Check the statements of a text that `parse` has read; see `check`."""
        encoded = b""
        for raw in tree.stmts:
            kind = name_kind(raw.stmt).removesuffix("_stmt")
            if kind in FREE:
                continue
            node = unwrap(raw.stmt)
            lacking = False
            try:
                if kind in RULES and RULES[kind](self._terms, node):
                    continue
            except LackingError:
                lacking = True
            encoded = encoded or decode(text).encode()
            start = _BEFORE.match(encoded, raw.stmt_location).end()  # type: ignore[union-attr] # it matches nothing
            raise UnsafeStatementError(describe(kind, node), line + encoded.count(b"\n", 0, start), lacking=lacking)
        return bool(tree.stmts) and bool(tree.stmts[-1].stmt_len)


def describe(kind: str, node: Node) -> str:
    """Name a statement's kind in SQL's words, e.g. ``DROP DATABASE``; of its text nothing is quoted."""
    if kind == "drop":
        return f"DROP {_words(enum_name(node, 'remove_type'))}"
    if kind in ("comment", "sec_label", "grant"):
        return f"{kind.upper().replace('_', ' ')} on {_words(enum_name(node, 'objtype'))}"
    if kind == "alter_table" and node.cmds:
        return f"ALTER TABLE ({enum_name(node.cmds[0].alter_table_cmd, 'subtype').removeprefix('AT_')})"
    if kind == "create_function":
        return "CREATE FUNCTION in an untrusted language"
    if kind == "copy" and (node.is_program or node.filename):
        return "COPY of a program or a file"
    return WORDS.get(kind, kind.replace("_", " ").upper())


def _words(object_type: str) -> str:
    return object_type.removeprefix("OBJECT_").replace("_", " ")

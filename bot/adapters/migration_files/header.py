"""The header of a down script: comment lines ``-- key: value`` at its top."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bot.adapters.migration_files.rules import postgast

KEYS = ("migration", "adds", "impact", "data-loss", "verify")
REPEATABLE = frozenset({"verify"})
ENTRY = re.compile(r"--\s*([a-z][a-z-]*):\s*(.*)")
NO_LOSS = "none"


class InvalidScriptError(Exception):
    """A fault in a script, at a line; `hint` is what to do."""

    def __init__(self, line: int, fault: str, hint: str = "Correct the script.") -> None:
        super().__init__(line, fault)
        self.line = line
        self.fault = fault
        self.hint = hint


@dataclass(frozen=True)
class Header:
    """See the same names in `bot.domain.migrations.DownScript`."""

    migration: str
    adds: str
    impact: str
    data_loss: tuple[str, ...]
    verify: tuple[str, ...]


def read_header(text: str, stem: str) -> Header:
    """Read and validate it.

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
    """Values by key, each with its line; the header ends where the first line is neither comment nor blank."""
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
    """A check is one SELECT that only reads, or an expression."""
    for text in (query, f"SELECT ({query})"):
        try:
            statements = postgast.parse(text).stmts
        except postgast.PgQueryError:
            continue
        if len(statements) == 1 and statements[0].stmt.WhichOneof("node") == "select_stmt":
            return
        break
    raise InvalidScriptError(line, "verify is no SELECT or expression", "Write what is true once it is undone.")

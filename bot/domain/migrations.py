"""Describes migrations and their down scripts, and orders those into chains."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import takewhile

from bot.errors import BotError

WRITE_LARGE_OBJECTS = frozenset(
    {"lo_creat", "lo_create", "lo_from_bytea", "lo_put", "lo_truncate", "lo_truncate64", "lo_unlink", "lowrite"}
)
"""The server's functions that change large objects, which are in no table of the database's own."""


class Effect(StrEnum):
    """A statement's effect on data, as far as its text shows."""

    DROPS = "drops"
    ALTERS = "alters"
    CHANGES_ROWS = "changes-rows"
    READS = "reads"


@dataclass(frozen=True)
class Statement:
    """One statement of a down script.

    Attributes:
        sql: the statement's own text, without the closing semicolon.
        line: 1-based line in its file.
        effect: see `Effect`.
        relations: relations whose rows it deletes, updates or truncates, as written; empty otherwise.
        names: what it drops or alters by name, as written; a column, constraint, trigger or policy as ``x on table``.
        deletes: those of `relations` whose rows it may delete.
        sets: (relation, column) of the values it sets in rows that are there.
        calls: functions it calls, as written.
        composes: it runs SQL that it puts together itself, so its effect is unknown beforehand.
        block: it is a DO block, so it may do one thing where there are rows, and another where there are none.
    """

    sql: str
    line: int
    effect: Effect
    relations: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()
    sets: tuple[tuple[str, str], ...] = ()
    calls: tuple[str, ...] = ()
    composes: bool = False
    block: bool = False

    @property
    def writes_large_objects(self) -> bool:
        """Tells if it calls a function that changes large objects."""
        return any(name.rpartition(".")[2] in WRITE_LARGE_OBJECTS for name in self.calls)


@dataclass(frozen=True)
class DownScript:
    """A parsed, validated down script.

    Attributes:
        version: the migration it undoes, e.g. 27.
        name: as the tracking table knows it, e.g. ``027_feature_flags``.
        adds: objects of the up migration.
        impact: consequences of its absence for people.
        data_loss: tables whose rows go, from the header; empty for none.
        verify: SQL expressions or SELECTs that are true once it is undone.
        statements: in order, transaction control and tracking-table bookkeeping taken out.
        sha256: of the file's bytes, hex.
        fault: why it cannot be run; None where it can. One that cannot has only version, name and sha256.
    """

    version: int
    name: str
    adds: str
    impact: str
    data_loss: tuple[str, ...]
    verify: tuple[str, ...]
    statements: tuple[Statement, ...]
    sha256: str
    fault: BotError | None = field(default=None, compare=False)


def broken_script(version: int, name: str, sha256: str, fault: BotError) -> DownScript:
    """Describe a script that cannot be run: only the plans that need it fail."""
    return DownScript(version, name, "", "", (), (), (), sha256, fault)


@dataclass(frozen=True)
class UpScript:
    """The migration itself, as far as a drill needs it to go up again.

    Attributes:
        version, name: as of `DownScript`.
        statements: in order, with their lines, transaction control taken out.
        obstacle: the reason it cannot run in a transaction of ours, as a phrase; "" when it can.
    """

    version: int
    name: str
    statements: tuple[tuple[int, str], ...]
    obstacle: str = ""


@dataclass(frozen=True)
class AppliedMigration:
    """A row of the tracking table: version by its leading digits, and the name where there is one."""

    version: int
    name: str


def longest_chain(scripts: Mapping[int, DownScript], applied: Iterable[AppliedMigration]) -> tuple[DownScript, ...]:
    """List the applied migrations' scripts, newest first, down to the first that is missing or cannot be run: no chain
    gets past it.
    """
    versions = sorted({migration.version for migration in applied}, reverse=True)
    return tuple(scripts[version] for version in takewhile(lambda version: can_run(scripts, version), versions))


def can_run(scripts: Mapping[int, DownScript], version: int) -> bool:
    """Tell if that migration has a script that can be run."""
    return version in scripts and scripts[version].fault is None


def build_chain(scripts: Mapping[int, DownScript], applied: tuple[int, ...], down_to: int) -> tuple[DownScript, ...]:
    """Order the scripts that undo every applied migration from the newest to `down_to` inclusive.

    Raises:
        KeyError: with the versions that have no script, newest first, as its arguments.
    """
    wanted = sorted((version for version in applied if version >= down_to), reverse=True)
    missing = [version for version in wanted if version not in scripts]
    if missing:
        raise KeyError(*missing)
    return tuple(scripts[version] for version in wanted)

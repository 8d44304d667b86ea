"""Declares the values with which a chain's drops are undone."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from bot.domain.backups import Export, SavedTable
from bot.domain.effects import ChainTrace, RowsSince

RowSource = Callable[[SavedTable], Iterator[bytes]]
"""Reads a saved relation; see `ExportStore.read`."""


@dataclass(frozen=True)
class RecreationSpec:
    """The objects and rows that are to come back after a chain, named as in a `Catalogue`.

    Attributes:
        versions: those whose tracking rows come back.
        expected: versions the tracking table must hold afterwards.
        export: the saved rows; None where none had to be saved.
        reloaded: relations that are created again and filled.
        refilled: (table, column) that are created again and filled by primary key; their tables stayed.
        completed: tables that stayed and whose missing rows are put back by primary key.
        constraints: (table, name) of table constraints that went while their table stayed.
        objects: (kind, identity) of everything that went.
        changed: (kind, identity) of everything that is new, or another, as it is called afterwards.
        renames: (kind, identity before, identity afterwards) of what has another name.
        fingerprint: of the catalogue before the chain, which it must have again.
        trace: of the chain; None where it has left none: then no row that is there is changed or deleted.
    """

    versions: frozenset[int]
    expected: frozenset[int]
    export: Export | None
    reloaded: frozenset[str]
    refilled: frozenset[tuple[str, str]]
    completed: frozenset[str]
    constraints: frozenset[tuple[str, str]]
    objects: frozenset[tuple[str, str]]
    fingerprint: str
    trace: ChainTrace | None = None
    changed: frozenset[tuple[str, str]] = frozenset()
    renames: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Recreated:
    """The outcome: the number of statements run, rows by relation, and the time it took, in seconds.

    Attributes:
        without_key: tables that stayed, whose rows came back and that have no primary key.
        made: tables and columns that the chain made, and that were taken away.
        since: tables that others have written to since; of a rehearsal alone.
    """

    statements: int
    rows: Mapping[str, int]
    elapsed_s: float = 0.0
    without_key: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    since: tuple[RowsSince, ...] = ()


@dataclass(frozen=True)
class RehearsedUndo:
    """The outcome on a shadow; the attributes are those of `Recreated`."""

    elapsed_s: float = 0.0
    without_key: tuple[str, ...] = ()
    made: tuple[str, ...] = ()

"""Creating again what a chain dropped."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from bot.domain.backups import Export, SavedTable

RowSource = Callable[[SavedTable], Iterator[bytes]]
"""Reads a saved relation; see `ExportStore.read`."""


@dataclass(frozen=True)
class RecreationSpec:
    """What is to come back after a chain. Relations, columns and constraints are named as in a `Catalogue`.

    Attributes:
        versions: whose tracking rows come back.
        expected: versions the tracking table must hold afterwards.
        export: the saved rows; None where none had to be saved.
        reloaded: relations that are created again and filled.
        refilled: (table, column) that are created again and filled by primary key; their tables stayed.
        completed: tables that stayed and whose missing rows are put back by primary key.
        constraints: (table, name) of table constraints that went while their table stayed.
        objects: (kind, identity) of everything that went.
        fingerprint: of the catalogue before the chain, which it must have again.
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


@dataclass(frozen=True)
class Recreated:
    """What came back: how many statements created it, and rows by relation; how long it took, in seconds."""

    statements: int
    rows: Mapping[str, int]
    elapsed_s: float = 0.0

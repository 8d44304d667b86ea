"""Declares the values of dumps and bundles on disk, and the ports that read them and take exported rows."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from bot.domain.backups import BundleKind, DatabaseSettings, Manifest, TableContent
from bot.domain.runs import Progress

Report = Callable[[Progress], None]
"""Called with a long step's progress; may raise to stop it."""


class TableSink(Protocol):
    """Takes exported rows."""

    def table(self, name: str, columns: Sequence[str]) -> AbstractContextManager[Callable[[bytes], None]]:
        """Open a relation's stream of CSV bytes; leaving the context without an exception stores it."""


@dataclass(frozen=True)
class Dump:
    """A finished dump: the tables' content in its snapshot, its tool's version, and what the dump does not carry."""

    tables: Sequence[TableContent]
    tool_version: str
    taken_at: datetime
    database: DatabaseSettings | None = None


@dataclass(frozen=True)
class FetchedBundle:
    """A bundle on disk, unpacked safely and whole.

    Attributes:
        kind: tells if `path` is a directory (`DIRECTORY`) or a file.
        path: the argument for pg_restore (or, for `PLAIN`, psql).
        manifest: of a bundle of ours, its digests and sizes checked; None for one that other scripts made.
        size_bytes: of everything under `path`.
        name: of the backup; "" where nobody gave it one.
    """

    kind: BundleKind
    path: Path
    manifest: Manifest | None
    size_bytes: int
    name: str = ""


@dataclass(frozen=True)
class DumpEntries:
    """A dump's entries by its own table of contents: tables that it defines, and tables whose rows it holds."""

    definitions: int
    rows: int


class BundleReader(Protocol):
    """Reads bundles on disk with the client tools."""

    def count_entries(self, bundle: FetchedBundle) -> DumpEntries:
        """Count the tables that a dump defines, and those whose rows it holds.

        Raises:
            PermanentError: ``bundle-unreadable`` with the tool's own message; ``tool-missing``.
        """

    def read_through(self, bundle: FetchedBundle) -> None:
        """Read every byte of the dump as a restore would, without a database: level 2 of a verification.

        Raises:
            PermanentError: ``bundle-unreadable`` with the tool's own message; ``tool-missing``.
        """

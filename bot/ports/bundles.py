"""Dumps and bundles on disk, and where exported rows go."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from bot.domain.backups import BundleKind, Manifest, TableContent
from bot.domain.runs import Progress

Report = Callable[[Progress], None]
"""Called with a long step's progress; may raise to stop it."""


class TableSink(Protocol):
    """Where exported rows go."""

    def table(self, name: str, columns: Sequence[str]) -> AbstractContextManager[Callable[[bytes], None]]:
        """Open a relation's stream of CSV bytes; leaving the context without an exception stores it."""


@dataclass(frozen=True)
class Dump:
    """A finished dump: the tables' content in its snapshot, and its tool's version."""

    tables: Sequence[TableContent]
    tool_version: str
    taken_at: datetime


@dataclass(frozen=True)
class FetchedBundle:
    """A bundle on disk, unpacked safely and whole.

    Attributes:
        kind: what `path` is: a directory for `DIRECTORY`, else a file.
        path: what pg_restore (or, for `PLAIN`, psql) is given.
        manifest: of a bundle of ours, its digests and sizes checked; None for one of the old scripts'.
        size_bytes: of everything under `path`.
    """

    kind: BundleKind
    path: Path
    manifest: Manifest | None
    size_bytes: int


class BundleReader(Protocol):
    """The client tools, as far as a bundle on disk needs them."""

    def read_through(self, bundle: FetchedBundle) -> None:
        """Read every byte of the dump as a restore would, without a database: level 2 of a verification.

        Raises:
            PermanentError: ``bundle-unreadable`` with the tool's own words; ``tool-missing``.
        """

"""Compares a loaded bundle with the live database, where no signed manifest says what should be in it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bot.domain.catalogue import Catalogue
from bot.domain.versions import label
from bot.planning.name_matching import COLUMN
from bot.planning.refusals import and_list

_SHOWN = 5
MAX_SHIFTS = 20
"""Most tables whose rows are named: a phrase of some 700 characters."""
FACTOR = 2
"""Tables that differ in rows by this factor are named as far off."""
MIN_ROWS = 10
"""A difference of fewer rows is never far off."""


@dataclass(frozen=True)
class Contents:
    """A database's tables with their rows, its catalogue, and its applied migrations; None where it has no record."""

    rows: Mapping[str, int]
    catalogue: Catalogue
    versions: frozenset[int] | None


@dataclass(frozen=True)
class RowShift:
    """A table of both with another number of rows."""

    table: str
    live: int
    loaded: int

    @property
    def is_far(self) -> bool:
        """Tells if one has at least `FACTOR` times the rows of the other."""
        low, high = sorted((self.live, self.loaded))
        return high >= FACTOR * low and high - low >= MIN_ROWS

    @property
    def share(self) -> float:
        """Rows that are left of those of the larger, 0…1: the smaller, the further off."""
        low, high = sorted((self.live, self.loaded))
        return low / high

    def __str__(self) -> str:
        return f"{self.table} {self.live:,} → {self.loaded:,}"


@dataclass(frozen=True)
class LiveComparison:
    """The result.

    Attributes:
        tables: how many the live database has.
        missing: of those, the ones that the bundle lacks.
        unknown: tables that only the bundle has.
        columns: tables of both whose columns differ in name or type.
        shifts: tables of both with another number of rows, the furthest off first.
        versions: applied migrations of one that the other has not, as a phrase; "" where they are equal.
        is_older: the bundle lacks migrations that the live database has, so it may lack their tables.
        has_no_rows: not a single row, while the live database has some.
    """

    tables: int
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    columns: tuple[str, ...]
    shifts: tuple[RowShift, ...]
    versions: str
    is_older: bool
    has_no_rows: bool

    @property
    def partial(self) -> str:
        """Say what shows that this is a part of a database only; "" where nothing does."""
        if self.has_no_rows:
            return "it has no rows"
        # An older schema may lack tables, but hardly most of them.
        too_many = len(self.missing) * FACTOR > self.tables if self.is_older else bool(self.missing)
        return f"it lacks {len(self.missing):,} of the live database's {self.tables:,} tables" if too_many else ""

    def __str__(self) -> str:
        return "compared with the live database: " + ", ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        shared = self.tables - len(self.missing)
        yield f"{shared:,} of {self.tables:,} tables" + _named(" without", self.missing)
        if self.unknown:
            yield f"{len(self.unknown):,} more tables" + _named("", self.unknown)
        yield f"columns differ in {and_list(_shortened(self.columns))}" if self.columns else "columns equal"
        yield (
            f"rows {'; '.join(_shortened(map(str, self.shifts), MAX_SHIFTS))}"
            if self.shifts
            else "as many rows in each"
        )
        yield self.versions or "the same migrations"


def compare_with_live(loaded: Contents, live: Contents) -> LiveComparison:
    """Compare tables, columns, numbers of rows and applied migrations. Contents of rows are not compared."""
    both = loaded.rows.keys() & live.rows.keys()
    here, there = _columns(loaded.catalogue), _columns(live.catalogue)
    return LiveComparison(
        tables=len(live.rows),
        missing=tuple(sorted(live.rows.keys() - loaded.rows.keys())),
        unknown=tuple(sorted(loaded.rows.keys() - live.rows.keys())),
        columns=tuple(sorted(table for table in both if here.get(table) != there.get(table))),
        shifts=find_shifts(loaded.rows, live.rows),
        versions=_versions(loaded.versions, live.versions),
        is_older=bool((live.versions or frozenset()) - (loaded.versions or frozenset())),
        has_no_rows=not any(loaded.rows.values()) and any(live.rows.values()),
    )


def find_shifts(loaded: Mapping[str, int], live: Mapping[str, int]) -> tuple[RowShift, ...]:
    """Find the tables of both that have another number of rows, the furthest off first."""
    both = loaded.keys() & live.keys()
    shifts = (RowShift(table, live[table], loaded[table]) for table in both if live[table] != loaded[table])
    return tuple(sorted(shifts, key=lambda shift: (shift.share, shift.table)))


def _columns(catalogue: Catalogue) -> Mapping[str, frozenset[tuple[str, str]]]:
    """Return each table's columns, by name and type."""
    found: dict[str, set[tuple[str, str]]] = {}
    for item in catalogue.objects:
        if item.kind == COLUMN:
            found.setdefault(item.part_of, set()).add((item.identity, item.kept_as))
    return {table: frozenset(columns) for table, columns in found.items()}


def _versions(loaded: frozenset[int] | None, live: frozenset[int] | None) -> str:
    if loaded is None or live is None:
        return f"migrations of {'the bundle' if loaded is None else 'the live database'} unknown"
    lacks, more = sorted(live - loaded), sorted(loaded - live)
    parts = [f"without {and_list(_shortened(map(label, lacks)))}"] if lacks else []
    parts += [f"with {and_list(_shortened(map(label, more)))} besides"] if more else []
    return f"migrations {' and '.join(parts)}" if parts else ""


def _named(before: str, tables: tuple[str, ...]) -> str:
    return f"{before} ({and_list(_shortened(tables))})" if tables else ""


def _shortened(names: Iterable[str], most: int = _SHOWN) -> list[str]:
    items = list(names)
    return items if len(items) <= most else [*items[:most], f"{len(items) - most} more"]

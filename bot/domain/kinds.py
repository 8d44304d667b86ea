"""Builds tables with one row per kind, and refuses a table that lacks one."""

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

K = TypeVar("K", bound=Enum)
R = TypeVar("R")


def rows_of_every_kind(kinds: type[K], rows: Mapping[K, R]) -> Mapping[K, R]:
    """Return the rows, which are module constants: a kind that somebody adds without a row fails at import.

    Raises:
        TypeError: names the kinds without a row.
    """
    # At import: a lookup that fails later would fail while somebody waits for a card or a report.
    missing = [kind.name for kind in kinds if kind not in rows]
    if missing:
        raise TypeError(f"no row for {kinds.__name__} {', '.join(missing)}")
    return rows

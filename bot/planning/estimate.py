"""How long a rollback should take. Rates are from one 2-core machine and err on the slow side."""

from collections.abc import Iterable

from bot.domain.catalogue import Rehearsal
from bot.domain.planned import Estimate, PlannedRows

DUMP_BYTES_PER_S = 40_000_000
"""pg_dump with gzip 1, hashes and upload, of database size on disk."""
EXPORT_BYTES_PER_S = 25_000_000
"""COPY as CSV through gzip, of table size on disk."""
DUMP_START_S = 3.0
PODS_STOP_S = 10.0
PODS_START_S = 20.0
CHECKS_S = 3.0


def chain_estimate(database_bytes: int, rows: Iterable[PlannedRows], rehearsal: Rehearsal) -> Estimate:
    """Estimate a chain's time in all, and the time during which the app is down."""
    saved_bytes = sum(row.size_bytes for row in rows)
    chain_s = sum(statement.elapsed_s for statement in rehearsal.outcome.statements) + 0.5
    down_s = PODS_STOP_S + saved_bytes / EXPORT_BYTES_PER_S + chain_s + PODS_START_S + CHECKS_S
    return Estimate(DUMP_START_S + database_bytes / DUMP_BYTES_PER_S + down_s, down_s)


FETCH_BYTES_PER_S = 60_000_000
"""Download and unpacking, of the bundle's size."""
LOAD_BYTES_PER_S = 8_000_000
"""pg_restore, then counting and hashing, of the bundle's (compressed) size."""
SWAP_S = 0.5


def restore_estimate(bundle_bytes: int) -> Estimate:
    """Estimate a restore's time; how long the app is down does not depend on the size."""
    down_s = swap_estimate().downtime_s
    return Estimate(DUMP_START_S + bundle_bytes / FETCH_BYTES_PER_S + bundle_bytes / LOAD_BYTES_PER_S + down_s, down_s)


def swap_estimate() -> Estimate:
    """Estimate a swap of databases that are both there: all of it is downtime."""
    down_s = PODS_STOP_S + SWAP_S + PODS_START_S + CHECKS_S
    return Estimate(down_s, down_s)


RECREATE_BYTES_PER_S = 10_000_000
"""Rows back from the export, with their indexes and keys, of table size on disk before."""


def recreation_estimate(database_bytes: int, bundle_bytes: int, rows: Iterable[PlannedRows]) -> Estimate:
    """Estimate a chain's undoing in all, and the time during which the app is down."""
    down_s = swap_estimate().downtime_s + sum(row.size_bytes for row in rows) / RECREATE_BYTES_PER_S
    up_s = DUMP_START_S + database_bytes / DUMP_BYTES_PER_S + bundle_bytes / FETCH_BYTES_PER_S
    return Estimate(up_s + down_s, down_s)

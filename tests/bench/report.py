"""Prints both ways side by side."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from tests.bench import aims
from tests.bench.restores import EXCHANGES, Comparison

MB = 1e6
WIDTH = 150
Row = tuple[str, str, str, str]


def show(comparisons: Sequence[Comparison]) -> None:
    """Print a table for each size, and how the swap's time depends on it."""
    console = Console(width=WIDTH, highlight=False)
    for comparison in comparisons:
        size = f"{comparison.database_bytes / MB:,.0f} MB on disk, bundle {comparison.ours.bundle_bytes / MB:,.0f} MB"
        table = Table("", "procedure", "Backstop", "", title=f"Backup and restore of a database of {size}")
        for row in _rows(comparison, is_largest=comparison is comparisons[-1]):
            table.add_row(*row)
        console.print(table)
    small, large = comparisons[0], comparisons[-1]
    console.print(
        f"swap: {small.swap.median_s * 1000:.0f} ms at {small.database_bytes / MB:,.0f} MB and "
        f"{large.swap.median_s * 1000:.0f} ms at {large.database_bytes / MB:,.0f} MB, "
        f"{large.database_bytes / small.database_bytes:.1f} times the data. Stopping and starting pods is left out: "
        "it is the same for both."
    )


def _rows(both: Comparison, *, is_largest: bool) -> Iterator[Row]:
    yield from _times(both)
    yield from _downtime(both, is_largest=is_largest)
    ours, theirs = both.ours, both.theirs
    yield "peak memory, with tools", _mb(theirs.memory_bytes), _mb(ours.memory_bytes), "sum of resident sizes"
    own_mb = ours.own_bytes / MB
    yield "peak memory, own process", _mb(theirs.own_bytes), _mb(ours.own_bytes), aims.MEMORY.compare(own_mb)
    yield "scratch space", _mb(theirs.scratch_bytes), _mb(ours.scratch_bytes), "files at one time"
    yield "second database", "none", _mb(both.side_bytes), "on the server; the replaced one is kept for undo"


def _times(both: Comparison) -> Iterator[Row]:
    theirs, ours = both.theirs, both.ours
    taken, gained = sum(theirs.backup.values()), sum(ours.backup.values())
    ratio = taken / gained
    ours_in = f"dump and hashes {ours.backup['dump']:.1f} + bundle {ours.backup['bundle']:.1f}"
    parts = f"dump {theirs.backup['dump']:.1f} + upload {theirs.backup['upload']:.1f}"
    yield "backup, uploaded", f"{taken:.1f} s ({parts})", f"{gained:.1f} s ({ours_in})", _times_faster(ratio)
    down_s = _down(both)
    restored = {name: seconds for name, seconds in ours.restore.items() if name != "exchange"}
    parts = " + ".join(f"{name} {seconds:.1f}" for name, seconds in restored.items())
    yield "restore, in all", f"{down_s:.1f} s", f"{sum(ours.restore.values()):.1f} s", parts
    # Ours makes its database within the load, and ends with statistics: either way it is compared with as much.
    bare_s, ours_s = theirs.restore["create"] + theirs.restore["load"], f"{ours.restore['load']:.1f} s"
    ratio = ours.restore["load"] / bare_s
    yield "create, pg_restore -j 2", f"{bare_s:.1f} s", ours_s, f"{ratio:.2f}×, {aims.LOAD.compare(ratio)}"
    like_s = bare_s + theirs.restore["analyse"]
    yield "… then vacuumdb -Z", f"{like_s:.1f} s", ours_s, f"{ours.restore['load'] / like_s:.2f}×"


def _downtime(both: Comparison, *, is_largest: bool) -> Iterator[Row]:
    theirs_s = sum(both.theirs.restore[phase] for phase in ("drop", "create", "load"))
    closed_s = both.swap.median_s
    ratio = theirs_s / closed_s
    compared = f"{ratio:.0f}×" + (f", {aims.DOWNTIME.compare(ratio)}" if is_largest else "")
    row = "app is down, database part", f"{theirs_s:.1f} s", f"{closed_s:.3f} s (median of {EXCHANGES})"
    yield *row, f"{aims.CLOSED.compare(closed_s)}; {compared}"
    yield (
        "app is down, pods aside",
        f"{_down(both):.1f} s",
        f"{closed_s:.3f} s",
        "theirs downloads and unpacks meanwhile",
    )
    worst_ms = max(both.swap.gaps_s) * 1000
    gaps = ", ".join(f"{gap_s * 1000:.0f}" for gap_s in sorted(both.swap.gaps_s))
    ours = f"{worst_ms:.0f} ms (each swap's: {gaps})"
    yield "longest gap of 20 clients", "as above", ours, aims.GAP.compare(worst_ms)


def _down(both: Comparison) -> float:
    return sum(seconds for name, seconds in both.theirs.restore.items() if name != "analyse")


def _times_faster(ratio: float) -> str:
    return f"{ratio:.1f}× faster, {aims.BACKUP.compare(ratio)}"


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / MB:,.0f} MB"

"""Holds one row per kind of drill: the words that show it to people."""

from dataclasses import dataclass
from typing import assert_never

from bot.domain.drills import DrillKind


@dataclass(frozen=True)
class DrillViewRow:
    """The words for drills of one kind.

    Attributes:
        noun: what such a drill is called.
        does: what it does, for its announcement; ``{0}`` is its environment, ``{1}`` whose backups it uses.
        series: the title of such drills in a report; ``{}`` is whose backups they use.
        timed: what the measured time is the time of.
    """

    noun: str
    does: str
    series: str
    timed: str = "time to restore"


def _row(kind: DrillKind) -> DrillViewRow:
    match kind:
        case DrillKind.RESTORE:
            return DrillViewRow(
                "restore drill",
                "A backup is taken and restored, the databases are swapped, and the swap is undone. "
                "The app of {0} is down for a moment, twice.",
                "Restores of {}",
            )
        case DrillKind.MIGRATION:
            return DrillViewRow(
                "migration drill",
                "Every down script runs on a copy of the newest bundle of {1}. No database that serves is touched.",
                "Migrations of {}",
                timed="time on the copy",
            )
        case DrillKind.BUNDLE:
            return DrillViewRow(
                "bundle drill",
                "The newest bundle of {1} is restored aside and compared with its manifest. No database that serves "
                "is touched.",
                "Backups of {}, loaded aside and compared",
            )
        case _:
            assert_never(kind)


KINDS = {kind: _row(kind) for kind in DrillKind}

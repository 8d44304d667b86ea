"""Follows a tool that loads: says how far it is, stops it when it stands still or nobody wants it any more."""

from bot.adapters.database.connections import Connection
from bot.adapters.pgclient.tools import ToolRun
from bot.adapters.sides.server import QUERIES
from bot.domain.runs import Progress
from bot.errors import TemporaryError
from bot.ports import Clock, Report

LOOK_EVERY_S = 0.5


class Follower:
    """Follows the tools of one load.

    Args:
        conn: beside the databases.
        name: of the one being filled.
        guess_bytes: how big it will be.
        stall_s: how long nothing may move.
        clock: time.
        report: is told; raises to stop it.
    """

    def __init__(
        self, conn: Connection, name: str, guess_bytes: int, stall_s: float, clock: Clock, report: Report
    ) -> None:
        self._conn = conn
        self._name = name
        self._guess_bytes = guess_bytes
        self._stall_s = stall_s
        self._clock = clock
        self._report = report

    def follow(self, run: ToolRun) -> None:
        """Wait for its end.

        Raises:
            ToolFailedError: in its words.
            TemporaryError: ``load-stalled``.
        """
        try:
            moved_at = looked_at = self._clock.monotonic()
            last = (0, 0)
            while run.is_running():
                now = self._clock.monotonic()
                if now - looked_at < LOOK_EVERY_S:
                    continue
                looked_at = now
                seen, at_work = self._look()
                moved_at = now if seen != last or at_work else moved_at
                last = seen
                if now - moved_at > self._stall_s:
                    raise TemporaryError(
                        "load-stalled", f"The load has not moved for {now - moved_at:.0f} s.", "Try again."
                    )
                self._report(Progress(seen[0], max(seen[0], self._guess_bytes), "bytes"))
            run.wait()
        finally:
            run.kill()

    def _look(self) -> tuple[tuple[int, int], bool]:
        row = self._conn.execute(QUERIES["loading"], {"database": self._name}).fetchone()
        return ((int(row[0]), int(row[1])), bool(row[2])) if row else ((0, 0), False)

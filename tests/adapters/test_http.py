"""Metrics about drills."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.request import urlopen

from bot.adapters.http import Figures, HttpServer
from bot.domain.drills import DrillKind, Schedule, Standing
from bot.errors import TemporaryError
from bot.ports import Anchoring, Backlog
from bot.sandbox.postgres import free_port

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WEEKLY = Standing(
    Schedule("weekly", "staging", DrillKind.RESTORE, "0 3 * * 1"),
    NOON,
    NOON,
    NOON + timedelta(days=1),
    None,
    NOON,
    overdue=True,
)
ANCHORED = Anchoring()
NEVER = replace(WEEKLY, schedule=replace(WEEKLY.schedule, name="never"), last_passed=None, next_due=None, overdue=False)


def scrape(
    standings: Sequence[Standing] | TemporaryError,
    ticked_at: datetime | None,
    backlog: Sequence[Backlog] = (),
    anchoring: Anchoring = ANCHORED,
) -> dict[str, float]:
    def drills() -> Sequence[Standing]:
        if isinstance(standings, TemporaryError):
            raise standings
        return standings

    port = free_port()
    server = HttpServer(
        "127.0.0.1", port, dict, Figures(dict, drills, lambda: ticked_at, lambda: backlog, lambda: anchoring)
    )
    server.start()
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    finally:
        server.stop()
    return {name: float(value) for name, value in re.findall(r"^(backstop_\S+) (\S+)$", text, re.MULTILINE)}


def test_each_schedule_has_its_figures_and_what_is_not_known_is_left_out() -> None:
    of = '{environment="staging",kind="restore",schedule="weekly"}'
    never = of.replace("weekly", "never")
    assert scrape([WEEKLY, NEVER], NOON) == {
        "backstop_journal_up": 1,
        "backstop_log_contradicted": 0,
        f"backstop_drill_last_success_timestamp_seconds{of}": NOON.timestamp(),
        f"backstop_drill_overdue{of}": 1,
        f"backstop_drill_overdue{never}": 0,
        f"backstop_drill_next_due_timestamp_seconds{of}": (NOON + timedelta(days=1)).timestamp(),
        "backstop_scheduler_last_tick_timestamp_seconds": NOON.timestamp(),
    }


def test_since_when_the_log_is_not_anchored_is_known() -> None:
    found = scrape(
        [], None, anchoring=Anchoring(NOON, NOON + timedelta(minutes=3), "storage-unavailable", "It shrank.")
    )
    assert found["backstop_log_last_anchor_timestamp_seconds"] == NOON.timestamp()
    assert found["backstop_log_unanchored_since_timestamp_seconds"] == (NOON + timedelta(minutes=3)).timestamp()
    assert found["backstop_log_contradicted"] == 1
    assert "backstop_log_unanchored_since_timestamp_seconds" not in scrape([], None, anchoring=Anchoring(NOON))


def test_messages_that_wait_or_were_given_up_are_counted() -> None:
    figures = scrape([], None, [Backlog("channel", 2, 1), Backlog("person", 0, 3)])
    assert {name: figure for name, figure in figures.items() if "outbox" in name} == {
        'backstop_outbox_waiting{receiver="channel"}': 2,
        'backstop_outbox_waiting{receiver="person"}': 0,
        'backstop_outbox_given_up{receiver="channel"}': 1,
        'backstop_outbox_given_up{receiver="person"}': 3,
    }


def test_with_the_journal_away_only_what_is_known_is_said() -> None:
    gone = TemporaryError("journal-unreachable", "Gone.")
    assert scrape(gone, NOON) == {
        "backstop_journal_up": 0,
        "backstop_log_contradicted": 0,
        "backstop_scheduler_last_tick_timestamp_seconds": NOON.timestamp(),
    }


def test_a_scheduler_that_has_never_ticked_has_no_time() -> None:
    assert "backstop_scheduler_last_tick_timestamp_seconds" not in scrape([], None)

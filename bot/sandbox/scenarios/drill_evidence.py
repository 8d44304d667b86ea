"""Plans a rollback of production with and without the evidence of drills."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.adapters.clock import SystemClock
from bot.adapters.journal import PostgresDrillRepository, open_pool
from bot.adapters.migration_files.files import ScriptFiles
from bot.domain.drills import Drill, DrillKind, DrillState, Measurement, ScriptProof
from bot.sandbox.people import all_text
from bot.sandbox.scenarios.before import check_untouched, observe
from bot.sandbox.scenarios.refusals import Refusal, refuse
from bot.sandbox.story import Story, texts

_PHASES = (
    ("backup", 4.0),
    ("fetch", 2.0),
    ("load", 18.0),
    ("verify", 5.0),
    ("swap", 0.4),
    ("app", 9.0),
    ("undo", 11.0),
)
_DRILLS = 6


@dataclass
class _Then:
    """The time of a drill that is over."""

    at: datetime

    def now(self) -> datetime:
        """Return the drill's time."""
        return self.at

    def monotonic(self) -> float:
        """Return the drill's time in seconds."""
        return self.at.timestamp()

    def sleep(self, seconds: float) -> None:
        """Move the time forward."""
        self.at += timedelta(seconds=seconds)


def unproven(story: Story) -> None:
    """A rollback that no drill has proven is refused where policy says so; after a drill it is planned and reported."""
    before, checks, cast = observe(story), story.checks, story.cast
    refuse(
        story, Refusal("/rollback prod 027", ("drill-too-old", "027_feature_flags never", "/drill dev now migration"))
    )
    check_untouched(story, before)
    remember_drills(story)
    try:
        story.command(cast.oncall, "/rollback prod 027")
        checks.says("after a drill it is planned, with when it was proven", all_text(story.request()), "by drill `d")
        _report(story)
        story.react(cast.lead_b, "x")
        story.wait_state("rejected")
        story.settle()
    finally:
        story.journal("WITH gone AS (DELETE FROM backstop.script_proofs RETURNING 1) SELECT count(*) FROM gone")
        story.journal("WITH gone AS (DELETE FROM backstop.drills RETURNING 1) SELECT count(*) FROM gone")
    check_untouched(story, before)


def _report(story: Story) -> None:
    story.command(story.cast.engineer, "/drill report")
    pictured = story.wait(lambda: [m for m in story.fresh() if m.get("files")], "the picture of the drills")
    name = pictured[0]["files"][0]["name"]
    story.checks.that("the picture is posted in the channel", name.endswith(".png"), name)
    reported = texts(story.fresh())
    story.checks.says(
        "the text says what they have taught", reported, "6 passed, 1 failed", "Restores of staging: 34 s"
    )


def remember_drills(story: Story) -> None:
    """Write drills into the journal as if they had run: one a week, the newest a migration drill that proves 027."""
    now = SystemClock().now()
    clock = _Then(now)
    script = ScriptFiles(story.sandbox.down_dir, "schema_migrations").load()[27]
    with open_pool(story.sandbox.sample.state_dsn, max_size=1) as pool:
        book = PostgresDrillRepository(pool, clock)
        for weeks in range(_DRILLS, -1, -1):
            clock.at = now - timedelta(weeks=weeks, days=1)
            kind = DrillKind.RESTORE if weeks else DrillKind.MIGRATION
            drill = Drill(f"dpast{weeks}", "weekly", "staging", kind, "staging", clock.at, clock.at)
            book.plan(drill)
            taken = book.take(drill.id, (), "sandbox", 0.0)
            proofs = () if weeks else (ScriptProof(27, script.sha256, clock.at, drill.id, reversible=True),)
            failed = weeks == 3  # noqa: PLR2004 -- any of them
            problem = "load-failed: the bundle does not load" if failed else ""
            phases = _PHASES[:2] if failed else _PHASES
            measured = Measurement(
                "staging_x", 10**7, 3 * 10**7 - weeks * 10**6, 5000, phases, 3600.0 * weeks, 9.0, 38.0
            )
            state = DrillState.FAILED if failed else DrillState.PASSED
            book.finish(taken.lease if taken else drill.lease, state, problem, measured, proofs)

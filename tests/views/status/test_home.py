"""The Home tab as people read it."""

from dataclasses import replace
from datetime import timedelta

from bot.domain.backups import Backup, BackupName, StoredObject, Verification
from bot.domain.drills import DrillKind
from bot.domain.runs import RunState, StepState
from bot.errors import PermanentError
from bot.ports import EnvironmentSummary, HomeFacts, KeptDatabase
from bot.views.kit.text import moment
from bot.views.status import home
from tests.drills import drill_of
from tests.views.samples import ASKED, RUN, VOTES, read, running

STAMP = "{date_short_pretty} {time}"


def backup(days: int, level: int = 0) -> Backup:
    at = ASKED - timedelta(days=days)
    verified = Verification(level, ASKED) if level else None
    return Backup(BackupName("prod", "nightly", at), StoredObject("k", 3_400_000), None, verified)


PROD = EnvironmentSummary(
    "prod",
    production=True,
    channel="C0INCIDENT",
    quorum=2,
    schema=27,
    app_version="v1.3.0",
    serving=True,
    newest=backup(0),
    proven=backup(1, 3),
)


def tab(*summaries: EnvironmentSummary, days: int = 0) -> str:
    return read(home.render(HomeFacts(summaries, ASKED + timedelta(days=days))))


def test_an_environment_at_rest() -> None:
    assert tab(PROD).splitlines() == [
        "prod",
        "*Schema 027 · app v1.3.0, serving*",
        (
            f"Newest backup: `prod_nightly_20260211_030000` of {moment(ASKED, STAMP)}, 3.4 MB, not verified, "
            "*not made by Backstop*: no signature"
        ),
        f"Last proven restore: `prod_nightly_20260210_030000`, restored and compared {moment(ASKED, STAMP)}",
        "[Roll back…]",
        "`/rollback help` says what can be asked. This page is at most a minute old.",
    ]


def test_a_drill_is_said_where_there_was_one() -> None:
    assert "drill" not in tab(PROD).lower()
    shown = tab(replace(PROD, last_drill=drill_of(2, DrillKind.BUNDLE, of="prod")))
    assert "*Last drill:* ✅ Passed bundle drill of staging with a backup of prod, <!date^" in shown
    assert ": time to restore " in shown
    restores_nothing = tab(replace(PROD, last_drill=drill_of(2, DrillKind.MIGRATION, of="prod")))
    assert ": time on the copy " in restores_nothing
    failed = tab(replace(PROD, last_drill=drill_of(2, failed="load-failed: x")))
    assert "*Last drill:* ❌ Failed restore drill of staging, <!date^" in failed
    assert failed.count("load-failed: x") == 1


def test_a_pending_run_says_what_it_waits_for() -> None:
    lines = tab(replace(PROD, run=RUN, votes=VOTES[:1])).splitlines()
    assert lines[2] == (
        "🗳 Waiting for approval · `rk3f9a` schema 027 → 026, app v1.3.0 → v1.2.3, in <#C0INCIDENT>, "
        "asked for by <@U0ONCALL>"
    )
    assert lines[3] == f"      waits for 1 of 2 approvals, expires {moment(RUN.expires_at, STAMP)}"


def test_a_running_run_says_where_it_is() -> None:
    text = tab(replace(PROD, run=running("backup")))
    assert "▶️ Running · `rk3f9a`" in text
    assert "step 3 of 13: Create emergency backup" in text
    assert "waits for" not in text


def test_a_parked_run_says_why() -> None:
    parked = replace(running("smoke", StepState.FAILED), state=RunState.PARKED, problem="smoke-test-failed: 503")
    assert "⏸ Stopped, needs a decision · `rk3f9a`" in tab(replace(PROD, run=parked))
    assert "smoke-test-failed: 503" in tab(replace(PROD, run=parked))


def test_what_is_frozen_kept_or_left_to_people() -> None:
    kept = KeptDatabase("prod", "physioflow_backstop_kept_rk3f9a", "rk3f9a", 3_400_000, ASKED)
    cold = "<@U0LEADA> froze prod at 2026-02-11 03:00 UTC: audit"
    text = tab(replace(PROD, frozen=cold, follow_ups=(RUN,), kept=(kept,) * 7))
    assert "❄️ *Frozen:* <@U0LEADA> froze prod" in text
    follow_up = f"☐ Plan fix and re-deployment, run `rk3f9a` of {moment(ASKED, STAMP)}: `/rollback close rk3f9a LINK`"
    assert follow_up in text
    assert text.count("`/rollback undo rk3f9a`") == 5
    assert "… and 2 more kept databases" in text


def test_what_does_not_answer_says_so() -> None:
    gone = EnvironmentSummary("dev", production=False, channel="C0DEV", quorum=1)
    problems = ("The database does not answer: no-answer-in-time: x", "The bucket cannot be listed: bucket-missing: y")
    text = tab(replace(gone, problems=problems))
    assert "*Schema not known now · app not known now*" in text
    assert "⚠️ The database does not answer: no-answer-in-time: x" in text
    assert "Newest backup" not in text
    assert "Newest backup: there is none" in tab(gone)


def test_nothing_moves_but_with_the_facts() -> None:
    early, later = HomeFacts((PROD,), ASKED), HomeFacts((PROD,), ASKED + timedelta(hours=30))
    assert home.render(early) == home.render(later)
    assert "*5 days old*" in tab(PROD, days=5)


def test_an_environment_with_a_run_comes_first_and_many_are_counted() -> None:
    many = [replace(PROD, environment=f"env{number}") for number in range(60)]
    blocks = home.render(HomeFacts((*many, replace(PROD, environment="busy", run=RUN)), ASKED)).blocks
    assert len(blocks) <= 100
    assert blocks[0]["text"]["text"] == "busy"
    assert "… and 37 more environments" in str(blocks[-2])
    assert "No environment is configured." in tab()


def test_a_refused_visitor_hears_why() -> None:
    error = PermanentError("not-a-member", "Only full, active members may do that.", "Ask the engineer on call.")
    assert read(home.render_refusal(error)).splitlines() == [
        "Backstop",
        "This page shows where databases stand, to full members of the workspace only.",
        "✗ *not-a-member*: Only full, active members may do that.",
        "Ask the engineer on call.",
    ]

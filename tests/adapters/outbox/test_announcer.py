"""What is put in the outbox: keys, threads, addressees."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.outbox.announcer import SlackDrillAnnouncer, SlackJobAnnouncer, SlackRunAnnouncer
from bot.adapters.outbox.answers import SlackAnswers
from bot.domain.drill_reports import DrillReport
from bot.domain.drills import Alert, Drill, DrillKind, DrillState
from bot.domain.jobs import Job, JobKind, JobState
from bot.ports import (
    Audience,
    Escalation,
)
from tests.adapters.outbox.tray import Tray, who
from tests.views.samples import ASKED, PLAN, PROD, RUN, VOTES, running

DIGEST = PLAN.short_digest


@pytest.fixture
def jobs(tray: Tray) -> SlackJobAnnouncer:
    return SlackJobAnnouncer(tray, {"prod": PROD})


def test_the_card_is_a_message_of_its_own_in_the_incident_channel(tray: Tray, announcer: SlackRunAnnouncer) -> None:
    announcer.card(RUN, ())
    announcer.card(running("backup"), VOTES)

    (card,) = tray.wanted.values()
    assert (card.key, card.channel, card.thread_key, card.run_id) == ("card:rk3f9a", "C0INCIDENT", "", "rk3f9a")
    assert card.text.startswith("▶️ Running")


def test_everything_else_of_a_run_is_in_the_cards_thread(tray: Tray, announcer: SlackRunAnnouncer) -> None:
    announcer.request(RUN, VOTES[:1])
    announcer.note(RUN, "started", "It starts, <!here>.")
    announcer.report(running("document"), (), None)
    announcer.escalate(RUN, Escalation("p", {}, "", (), ()))

    assert list(tray.wanted) == [
        f"request:rk3f9a:{DIGEST}",
        "note:rk3f9a:started",
        "report:rk3f9a",
        "note:rk3f9a:escalation-0",
    ]
    assert {message.thread_key for message in tray.wanted.values()} == {"card:rk3f9a"}
    assert {message.run_id for message in tray.wanted.values()} == {"rk3f9a"}
    assert tray.wanted["note:rk3f9a:started"].text == "It starts, &lt;!here&gt;."


def test_a_changed_plan_voids_the_old_request_and_says_what_moved(tray: Tray, announcer: SlackRunAnnouncer) -> None:
    announcer.request(RUN, VOTES)
    now = replace(RUN, plan=replace(PLAN, to_app="v1.2.4"))

    announcer.changed(now, PLAN.digest, ["app: v1.3.0 v1.2.3 → v1.3.0 v1.2.4"])
    announcer.request(now, ())

    new = now.plan.short_digest
    assert list(tray.wanted) == [
        f"request:rk3f9a:{DIGEST}",
        f"note:rk3f9a:changed-{DIGEST}-{new}",
        f"request:rk3f9a:{new}",
    ]
    assert tray.wanted[f"request:rk3f9a:{DIGEST}"].text.startswith(f"Void: plan {DIGEST}")
    assert not any(block["type"] == "actions" for block in tray.wanted[f"request:rk3f9a:{DIGEST}"].blocks)


def test_a_short_old_digest_finds_the_same_request(tray: Tray, announcer: SlackRunAnnouncer) -> None:
    announcer.request(RUN, ())
    announcer.changed(replace(RUN, plan=replace(PLAN, to_app="v1.2.4")), DIGEST, [])

    assert tray.wanted[f"request:rk3f9a:{DIGEST}"].text.startswith("Void")
    assert len(tray.wanted) == 2


def test_where_only_votes_are_missing_the_request_stays_and_each_time_is_said(
    tray: Tray, announcer: SlackRunAnnouncer
) -> None:
    announcer.request(RUN, VOTES)
    announcer.changed(replace(RUN, fencing_token=1), DIGEST, ["only 1 of 2 votes stand"])
    announcer.changed(replace(RUN, fencing_token=2), DIGEST, ["only 1 of 2 votes stand"])

    assert any(block["type"] == "actions" for block in tray.wanted[f"request:rk3f9a:{DIGEST}"].blocks)
    assert list(tray.wanted)[1:] == [f"note:rk3f9a:asked-again-{DIGEST}-{fence}" for fence in (1, 2)]


def test_a_job_is_one_message_in_the_incident_channel(tray: Tray, jobs: SlackJobAnnouncer) -> None:
    job = Job("slash:7", JobKind.TAKE, "prod", "manual", "U0ONCALL", ASKED)
    jobs.job(job)
    jobs.job(replace(job, state=JobState.DONE, ended_at=ASKED + timedelta(seconds=4)))
    jobs.job(replace(job, environment="gone"))

    (message,) = tray.wanted.values()
    assert (message.key, message.channel, message.thread_key, message.run_id) == ("chore:slash:7", "C0INCIDENT", "", "")
    assert (message.user, message.response_url) == ("", "")
    assert message.text.startswith("✅")


def test_what_was_recovered_is_reported_in_the_runs_thread(tray: Tray, jobs: SlackJobAnnouncer) -> None:
    jobs.job(Job("slash:8", JobKind.SALVAGE, "prod", "rk3f9a", "U0ONCALL", ASKED))

    (message,) = tray.wanted.values()
    assert (message.key, message.channel, message.thread_key) == ("chore:slash:8", "C0INCIDENT", "card:rk3f9a")


def test_votes_find_their_run_by_card_and_by_request_only(announcer: SlackRunAnnouncer, answers: SlackAnswers) -> None:
    announcer.card(RUN, ())
    announcer.request(RUN, ())
    announcer.note(RUN, "started", "It starts.")
    answers.tell(Audience("U0ONCALL", "C0INCIDENT", request_id="slash:1"), "Done.")

    found = [announcer.find_run("C0INCIDENT", str(place)) for place in range(4)]
    assert found == [("rk3f9a", ""), ("rk3f9a", DIGEST), None, None]
    assert announcer.find_run("C0GENERAL", "0") is None


def test_an_environment_that_is_no_longer_configured_is_still_shown(tray: Tray) -> None:
    SlackRunAnnouncer(tray, {}).request(RUN, ())

    assert "Approval of 2 needed" in next(iter(tray.wanted.values())).text


def test_a_report_is_a_message_and_a_file_of_one_run(tray: Tray, announcer: SlackRunAnnouncer) -> None:
    announcer.report_file(running("document"), (), None)
    announcer.report_file(running("document"), (), None)

    (message,) = tray.wanted.values()
    assert (message.key, message.channel, message.thread_key) == ("file:rk3f9a", "C0INCIDENT", "card:rk3f9a")
    assert message.attachment is not None
    assert (message.attachment.name, message.attachment.title) == ("backstop-rk3f9a.html", "Report of run rk3f9a")
    assert message.attachment.content.startswith(b"<!doctype html>")
    assert "rk3f9a" in message.text


DRILL = Drill("dk3f9a", "weekly", "staging", DrillKind.RESTORE, "staging", ASKED, ASKED, announced_at=ASKED)


class TestDrills:
    @pytest.fixture
    def announcer(self, tray: Tray) -> SlackDrillAnnouncer:
        staging = replace(PROD, name="staging", production=False, incident_channel="C0STAGING")
        return SlackDrillAnnouncer(tray, {"staging": replace(staging, escalation_contacts=("the DBA",))})

    def keys(self, tray: Tray) -> list[tuple[str, str, str]]:
        return [(message.key, message.channel, message.thread_key) for message in tray.wanted.values()]

    def test_one_message_from_announcement_to_result(self, tray: Tray, announcer: SlackDrillAnnouncer) -> None:
        announcer.drill(DRILL)
        announcer.drill(replace(DRILL, state=DrillState.RUNNING, started_at=ASKED))
        announcer.drill(replace(DRILL, state=DrillState.PASSED, started_at=ASKED, ended_at=ASKED))
        assert self.keys(tray) == [("drill:dk3f9a", "C0STAGING", "")]
        assert tray.wanted["drill:dk3f9a"].text == "✅ Passed: restore drill of staging"

    def test_a_late_start_and_a_failure_are_news(self, tray: Tray, announcer: SlackDrillAnnouncer) -> None:
        late = replace(DRILL, announced_at=ASKED - timedelta(days=1), started_at=ASKED)
        announcer.drill(replace(late, state=DrillState.RUNNING))
        announcer.drill(replace(late, state=DrillState.FAILED, ended_at=ASKED, problem="x: Why."))
        assert self.keys(tray) == [
            ("drill:dk3f9a", "C0STAGING", ""),
            ("drill-start:dk3f9a", "C0STAGING", ""),
            ("drill-failed:dk3f9a", "C0STAGING", ""),
        ]

    def test_why_it_waits_is_in_its_thread_once(self, tray: Tray, announcer: SlackDrillAnnouncer) -> None:
        announcer.drill_waits(DRILL, "<@U0LEADA> froze staging: the heat.")
        announcer.drill_waits(DRILL, "Run raaaaa is open in staging.")
        assert self.keys(tray) == [("drill-waits:dk3f9a", "C0STAGING", "drill:dk3f9a")]
        announcer.drill_waits(DRILL, "<@U0LEADA> froze staging: the heat.")
        assert tray.wanted["drill-waits:dk3f9a"].text == (
            "<@U0LEADA> froze staging: the heat. Drill dk3f9a is due and waits."
        )

    def test_missed_ones_are_a_message_by_their_first(self, tray: Tray, announcer: SlackDrillAnnouncer) -> None:
        missed = replace(DRILL, state=DrillState.MISSED)
        announcer.drills_missed([missed, replace(missed, id="dzzzzz")])
        announcer.drills_missed([missed, replace(missed, id="dzzzzz")])
        assert self.keys(tray) == [("drills-missed:dk3f9a", "C0STAGING", "")]

    def test_an_alert_is_a_message_an_episode(self, tray: Tray, announcer: SlackDrillAnnouncer) -> None:
        first = Alert("schedule:weekly", "staging", ASKED, passed=True)
        announcer.overdue(first)
        assert "the DBA" in str(tray.wanted[f"drill-overdue:{first.key}"].blocks)
        announcer.relieved(first, ASKED)
        announcer.overdue(replace(first, since=ASKED + timedelta(days=1)))
        texts = [message.text for message in tray.wanted.values()]
        assert texts == [
            "✅ No longer overdue: a drill of schedule weekly",
            "🚨 Overdue: a drill of schedule weekly",
        ]

    def test_an_environment_that_is_gone_has_no_channel(self, tray: Tray, announcer: SlackDrillAnnouncer) -> None:
        announcer.drill(replace(DRILL, environment="gone"))
        announcer.drills_missed([replace(DRILL, environment="gone")])
        announcer.overdue(Alert("environment:gone", "gone", ASKED, passed=False))
        assert tray.wanted == {}

    def test_answers_are_for_the_requester(self, tray: Tray, answers: SlackAnswers) -> None:
        answers.drill_list(who("slash:1"), [], [DRILL])
        answers.drill_details(who("slash:2"), DRILL)
        assert [message.user for message in tray.wanted.values()] == ["U0ONCALL", "U0ONCALL"]
        assert "skip_drill" not in str(tray.wanted["answer:slash:2"].blocks)


def test_what_drills_have_taught_is_a_text_and_a_picture_in_the_channel(tray: Tray, answers: SlackAnswers) -> None:
    report = DrillReport("prod", ASKED, 1, 1, 0)
    answers.drill_report(who("slash:1"), report, b"\x89PNG one")
    answers.drill_report(who("slash:2"), report, b"\x89PNG two")
    answers.drill_report(who("slash:3"), report, b"")

    text, picture, _, other, last = tray.wanted.values()
    assert (text.key, text.channel, text.user, text.thread_key) == ("drill-report:slash:1", "C0GENERAL", "", "")
    assert text.blocks
    assert (picture.key, picture.channel, picture.user, picture.blocks) == (
        "drill-picture:slash:1",
        "C0GENERAL",
        "",
        (),
    )
    assert picture.attachment is not None
    assert other.attachment is not None
    assert picture.attachment.content == b"\x89PNG one"
    assert picture.attachment.name != other.attachment.name
    assert picture.attachment.name.endswith(".png")
    assert last.key == "drill-report:slash:3"

"""The closing report."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from bot.domain.backups import Export, SavedTable
from bot.domain.runs import RunState, StepState
from bot.ports import AuditEvent
from bot.views.runs import report, report_model
from tests.views.samples import ASKED, FLAGS, PLAN, RUN, buttons, read, running

SAVED = SavedTable(FLAGS, "exports/rk3f9a/public.feature_flags.csv.gz", 42, 900, "a" * 64, ("id",))


ENDED = replace(running("follow-up", StepState.OPEN), state=RunState.SUCCEEDED)


def event(minute: int, actor: str, name: str, details: Mapping[str, object]) -> AuditEvent:
    return AuditEvent(minute, ASKED + timedelta(minutes=minute), "rk3f9a", actor, name, details, "", "")


EVENTS = [
    event(0, "U0ONCALL", "requested", {"migration": "027"}),
    event(1, "U0LEADA", "voted", {"choice": "approve", "how": "reaction", "digest": PLAN.digest}),
    event(2, "U0LEADB", "voted", {"choice": "approve", "how": "button", "digest": PLAN.digest}),
    event(2, "U0ENG", "vote-refused", {"reason": "no approver", "how": "reaction", "bot": False}),
    event(3, "U0LEADB", "vote-withdrawn", {"how": "button"}),
    event(4, "backstop", "chain-committed", {"removed": ["027"], "lsn": "0/1"}),
]


def test_the_report_says_what_went_where_it_is_and_who_agreed() -> None:
    shown = read(
        report.render(report_model.build(running("document"), EVENTS, Export("rk3f9a", "exports/rk3f9a/", (SAVED,))))
    )

    assert "*✅ Rolled back* – schema 027 → 026, app v1.3.0 → v1.2.3" in shown
    assert "The app was down for 16 s; planned were 41 s." in shown
    assert "*What was dropped* – 2 tables, 1 function" in shown
    assert "*Saved rows* – 42 rows of 1 relation in `physioflow-backups-prod`, under `exports/rk3f9a/`" in shown
    assert "• `public.feature_flags` 42 rows, 900 B: `exports/rk3f9a/public.feature_flags.csv.gz`" in shown
    assert "Approved by <@U0LEADA>.\nReason: flags break booking" in shown


def approvers(*events: AuditEvent) -> str:
    people = read(report.render(report_model.build(running("document"), events, None))).split("*People*\n")[1]
    return people.splitlines()[0].partition("Approved by ")[2]


def voted(minute: int, user_id: str, digest: str = PLAN.digest) -> AuditEvent:
    return event(minute, user_id, "voted", {"choice": "approve", "how": "reaction", "digest": digest})


def test_only_those_who_approved_what_ran_are_named() -> None:
    old = "0" * 64
    moved = event(3, "backstop", "plan-changed", {"old": old, "new": PLAN.digest, "differences": []})
    first = (voted(1, "U0LEADA", old), voted(2, "U0LEADB", old), moved)

    assert approvers(*first, voted(4, "U0LEADA"), voted(5, "U0LEADC")) == "<@U0LEADA>, <@U0LEADC>."
    assert approvers(*first, voted(4, "U0LEADC"), voted(5, "U0LEADB", old)) == "<@U0LEADC>."


def test_a_plan_that_came_back_did_not_bring_its_votes() -> None:
    away = event(2, "backstop", "plan-changed", {"old": PLAN.digest, "new": "0" * 64, "differences": []})
    back = event(3, "backstop", "plan-changed", {"old": "0" * 64, "new": PLAN.digest, "differences": []})

    assert approvers(voted(1, "U0LEADA"), away, back, voted(4, "U0LEADB")) == "<@U0LEADB>."


def test_a_vote_that_the_recheck_took_out_is_nobodys_approval() -> None:
    details = {"user": "U0LEADB", "digest": PLAN.digest, "why": "the vote of <@U0LEADB> no longer counts: why."}
    taken_out = event(3, "backstop", "vote-withdrawn", details)

    assert approvers(voted(1, "U0LEADA"), voted(2, "U0LEADB"), taken_out, voted(4, "U0LEADC")) == (
        "<@U0LEADA>, <@U0LEADC>."
    )


def test_the_timeline_is_short_of_what_only_auditors_need() -> None:
    lines = (
        read(report.render(report_model.build(running("document"), EVENTS, None))).split("*Timeline*\n")[1].splitlines()
    )

    assert lines[1].endswith(f"<@U0LEADA> voted: choice approve, how reaction, digest {PLAN.digest[:12]}")
    assert lines[3].endswith("<@U0ENG> vote refused: reason no approver, how reaction")
    assert lines[5].endswith(" UTC> chain committed: removed 027, lsn 0/1")


def test_the_timeline_names_steps_by_their_titles() -> None:
    told = event(7, "backstop", "step", {"key": "backup", "state": "done", "detail": "prod_x, 0.3 MB"})
    shown = read(report.render(report_model.build(running("document"), [told], None)))

    assert shown.split("*Timeline*\n")[1].splitlines()[0].endswith("✓ Create emergency backup: prod_x, 0.3 MB")


def test_a_run_that_did_not_make_it_is_not_called_done() -> None:
    shown = read(report.render(report_model.build(replace(RUN, problem="chain-failed: no"), EVENTS, None)))

    assert "*⚠️ Not completed*" in shown
    assert "What stopped it: chain-failed: no" in shown
    assert "*Saved rows* – none were exported." in shown


def test_a_run_that_dropped_nothing_does_not_say_that_it_did() -> None:
    failed = replace(running("export", StepState.FAILED), state=RunState.FAILED, problem="export-damaged: It is.")

    shown = read(report.render(report_model.build(failed, EVENTS, None)))

    assert "*What would have been dropped – nothing was* – 2 tables, 1 function" in shown
    assert "*What was dropped*" not in shown


def test_a_parked_run_that_may_have_dropped_it_says_neither() -> None:
    parked = replace(running("chain", StepState.FAILED), state=RunState.PARKED, problem="outcome-unknown: Which?")

    shown = read(report.render(report_model.build(parked, EVENTS, None)))

    assert "*What may have been dropped – look first* – 2 tables" in shown
    assert "nothing was" not in shown


def test_what_people_wrote_is_shown_the_newest_of_each() -> None:
    wrote = [
        event(5, "U0ONCALL", "documented", {"wrong": "flags", "change": "", "name": "an", "request": "view:1"}),
        event(6, "U0LEADA", "documented", {"wrong": "no <load> test", "change": "test", "request": "view:2"}),
        event(7, "U0ONCALL", "documented", {"wrong": "flags, always", "change": "", "request": "view:3"}),
    ]
    shown = read(report.render(report_model.build(ENDED, [*EVENTS, *wrote], None)))

    assert "*What went wrong*\n<@U0LEADA>: no &lt;load&gt; test _To change:_ test\n<@U0ONCALL>: flags, always" in shown
    assert "view:" not in shown, "the timeline names the event, not its content"


def test_people_can_add_to_a_report_once_the_run_has_stopped() -> None:
    assert buttons(report.render(report_model.build(running("document"), EVENTS, None))) == {}
    assert buttons(report.render(report_model.build(ENDED, EVENTS, None))) == {
        "document": "rk3f9a",
        "close_followup": "rk3f9a",
    }
    parked = replace(running("smoke"), state=RunState.PARKED)
    assert buttons(report.render(report_model.build(parked, EVENTS, None))) == {"document": "rk3f9a"}


def test_downtime_ends_when_traffic_is_back_one_way_or_the_other() -> None:
    undone = [
        replace(step, state=StepState.UNDONE, ended_at=step.started_at + timedelta(seconds=9))
        if step.key == "stop-traffic" and step.started_at
        else step
        for step in running("chain").steps
    ]
    put_back = replace(RUN, state=RunState.FAILED, problem="no", steps=tuple(undone))
    untouched = replace(running("backup"), state=RunState.FAILED, problem="no")

    assert report_model.measure_downtime(put_back) == 9
    assert "The app was down for 9.0 s" in read(report.render(report_model.build(put_back, EVENTS, None)))
    assert report_model.measure_downtime(untouched) == 0
    assert report_model.measure_downtime(replace(running("smoke"), state=RunState.PARKED)) is None
    assert report_model.measure_downtime(running("document")) == 16


def test_an_export_the_bucket_does_not_list_is_known_from_its_step() -> None:
    steps = [replace(step, detail="42 rows of 1 tables") if step.key == "export" else step for step in ENDED.steps]

    shown = read(report.render(report_model.build(replace(ENDED, steps=tuple(steps)), EVENTS, None)))

    assert "*Saved rows* – 42 rows of 1 tables, in `physioflow-backups-prod`." in shown

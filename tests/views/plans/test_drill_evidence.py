"""What approvers are told about drills, as they read it."""

from dataclasses import replace
from datetime import timedelta

from bot.domain.planned import Forecast, PlannedProof, Proof, ProvenScript
from bot.domain.plans import Plan, PlanKind
from bot.domain.runs import Run
from bot.ports import BackupDetails
from bot.views.backups import backups
from bot.views.plans import drill_evidence
from bot.views.runs import approval_request, card
from tests.drills import drill_of
from tests.fakes.clock import NOON
from tests.views.backups.samples import BACKUP
from tests.views.plans.test_swap import RESTORE
from tests.views.samples import ASKED, DAY, PLAN, RUN, read

SCRIPTS = (
    ProvenScript(27, "027_feature_flags", Proof(ASKED - 3 * DAY, "dabcde"), reversible=True),
    ProvenScript(26, "026_consent", None),
    ProvenScript(25, "025_rooms", Proof(ASKED - 41 * DAY, "dfghjk"), reversible=False),
)


def plan(proven: PlannedProof, kind: PlanKind = PlanKind.CHAIN) -> Plan:
    return replace(RESTORE if kind is PlanKind.RESTORE else PLAN, proven=proven)


def test_each_script_of_a_chain_with_its_newest_proof() -> None:
    assert drill_evidence.describe(plan(PlannedProof(ASKED, SCRIPTS))) == (
        "*Last proven by a drill*\n"
        "• `027_feature_flags` 3 days ago, by drill `dabcde`; its way back up, too\n"
        "• `026_consent` ⚠ never: no drill has run this very script\n"
        "• `025_rooms` 41 days ago, by drill `dfghjk`; ⚠ its way back up led to another schema"
    )


def test_a_restore_with_all_that_was_ever_restored() -> None:
    proven = PlannedProof(
        ASKED,
        bundle=Proof(ASKED - timedelta(hours=5, minutes=20)),
        practice=Proof(ASKED - 2 * DAY, "dabcde", "staging"),
    )
    assert drill_evidence.describe(plan(proven, PlanKind.RESTORE)) == (
        "*Last restored and compared*\n"
        "• this backup: 5 h ago, by a verification\n"
        "• any backup of prod, by a drill: never\n"
        "• the whole way, swap and undo included: 2 days ago, by drill `dabcde` in staging"
    )


def test_the_card_says_the_worst_of_it() -> None:
    unproven, proven = PlannedProof(ASKED, SCRIPTS), PlannedProof(ASKED, (SCRIPTS[0], SCRIPTS[2]))

    assert "⚠ No drill has run 1 of 3 scripts as they are." in read(card.render(run(unproven), (), 2, production=True))
    assert drill_evidence.headline(plan(proven)) == (
        "Every script was proven by a drill, the oldest proof: 41 days ago, by drill `dfghjk`."
    )
    assert drill_evidence.headline(plan(PlannedProof(ASKED), PlanKind.RESTORE)) == "This backup was last proven: never."


def run(proven: PlannedProof) -> Run:
    return replace(RUN, plan=plan(proven))


def test_the_request_has_it_with_the_forecast() -> None:
    made = Forecast(90.0, 60.0, 120.0, 1 - 2 / 15, 14, ("staging",))
    shown = read(
        approval_request.render(run(PlannedProof(ASKED, SCRIPTS, total=made, downtime=made)), (), 2, production=True)
    )

    assert "`026_consent` ⚠ never" in shown
    assert (
        "\nBy the history: 1 min to 2 min in 86 % of cases, from 14 rollbacks like it in staging. The app is down for "
        "1 min to 2 min of it (86 %)." in shown
    )


def test_too_few_are_said_to_be_too_few() -> None:
    few, none = PlannedProof(ASKED, total=Forecast(90.0, None, None, 0.0, 2, ("staging",))), PlannedProof(ASKED)

    assert drill_evidence.forecast_line(plan(few, PlanKind.RESTORE)) == (
        "\nBy the history: too few restores to give a range (2 in staging; 3 are needed)."
    )
    assert drill_evidence.forecast_line(plan(none)) == (
        "\nThere is no history of rollbacks like it yet to check this estimate against."
    )


def test_nothing_is_said_where_nobody_looked() -> None:
    assert (drill_evidence.describe(PLAN), drill_evidence.headline(PLAN), drill_evidence.forecast_line(PLAN)) == (
        "",
        "",
        "",
    )


def test_a_backup_says_which_drill_has_restored_it() -> None:
    never = read(backups.render_details(BackupDetails("prod", BACKUP, NOON)))
    once = read(backups.render_details(BackupDetails("prod", BACKUP, NOON, drill_of(4))))

    assert "Drills: none has restored it" in never
    assert f"Drills: last restored and compared 4 days ago by drill `{drill_of(4).id}` in staging" in once

"""The undoing of a chain, word for word."""

from dataclasses import replace

from bot.domain.planned import PlannedDrop, PlannedRecreation, PlannedRows, PlannedScript
from bot.domain.plans import Plan, UndoRollbackPlan
from bot.domain.runs import RunState
from bot.planning.kinds import build_checklist
from bot.views import buttons
from bot.views.kit.blocks import View
from bot.views.plans import plan
from bot.views.runs import approval_request, report, report_model
from tests.views.runs.html.incidents import walked
from tests.views.samples import ASKED, FLAGS, PLAN, RUN, VOTES, read, recast

SOURCE = PlannedRecreation(
    "prod_pre-rollback-027-rk3f9a_20260211_030000", "k", "v", "ab" * 32, ASKED, "exports/rk3f9a/"
)
RECREATE = recast(
    PLAN,
    UndoRollbackPlan,
    from_schema=26,
    to_schema=27,
    from_app="v1.2.3",
    to_app="v1.3.0",
    warnings=(),
    asked_for="/rollback undo rk3f9a",
    undoes="rk3f9a",
    source=SOURCE,
)


def shown(what: Plan) -> str:
    return read(View("", plan.blocks(what)))


def test_the_plan_says_what_comes_back_and_from_where() -> None:
    text = shown(RECREATE)

    assert text.startswith(
        "*prod: schema 026 → 027, app v1.2.3 → v1.3.0*\n"
        "Asked for as `/rollback undo rk3f9a`.\n"
        "*What is taken back* – run `rk3f9a`, which undid 027_feature_flags.\n"
        "It is created again as it was in `prod_pre-rollback-027-rk3f9a_20260211_030000`, taken "
    )
    assert "and its rows under `exports/rk3f9a/`. One transaction" in text
    assert "*What comes back* – 2 tables, 1 function" in text
    assert "*Rows that come back* – 1,204 in all\n• `public.feature_flag_audit_log` 1,162 rows, 262.1 kB" in text
    assert "rows written since the chain stay" in text
    assert "Rows that go" not in text


def test_the_line_for_dialogs() -> None:
    assert plan.impact(RECREATE) == "5 objects and 1,204 rows come back; the app is down for about 41 s"


def test_request_button_and_report_call_it_an_undo() -> None:
    run = replace(RUN, plan=RECREATE, steps=build_checklist(RECREATE.kind))

    asked = read(approval_request.render(run, VOTES, 2, production=True))
    done = read(report.render(report_model.build(replace(walked(run, "document"), state=RunState.SUCCEEDED), [], None)))

    assert "asks to bring back in *prod* what a rollback dropped" in asked
    assert "Bring back in prod what a rollback dropped?" in str(buttons.for_ballot(run))
    assert "✅ Undone" in done
    assert "What comes back" in done
    assert "What was dropped" not in done


def test_the_longest_plan_fits() -> None:
    long = "x" * 63
    many = replace(
        RECREATE,
        drops=tuple(PlannedDrop("table", f"{long}.{long}{n}", named=n % 2 == 0) for n in range(300)),
        rows=tuple(PlannedRows(f"{long}.{long}{n}", 9**9, 9**12, "column") for n in range(300)),
        scripts=tuple(PlannedScript(n, long * 3, "ab" * 32, "", 1) for n in range(90)),
    )

    assert all(
        len(block.get("text", {}).get("text", "")) <= 3000 for block in plan.blocks(many) if block["type"] == "section"
    )
    assert len(shown(many)) < 13_000


def test_its_digest_is_of_the_run_the_bundle_and_the_rows() -> None:
    assert RECREATE.digest != replace(RECREATE, undoes="rother").digest
    assert RECREATE.digest != replace(RECREATE, source=replace(SOURCE, sha256="cd" * 32)).digest
    assert RECREATE.digest != replace(RECREATE, source=replace(SOURCE, export="exports/rother/")).digest
    assert FLAGS in str(RECREATE.approved_facts()["rows"])


def test_rows_of_tables_that_stayed_are_not_counted_among_those_that_come_back() -> None:
    changed = PlannedRows("public.patients", 400_000, 10, "changed")
    undo = replace(RECREATE, rows=(*RECREATE.rows, changed))

    text = shown(undo)
    assert "*Rows that come back* – 1,204 in all; and what is missing of tables that stayed\n" in text
    assert "`public.patients` a table with 400,000 rows, 10 B, of which those that are missing come back" in text
    assert plan.impact(undo).startswith("5 objects and 1,204 rows come back, and what is missing of 1 table;")

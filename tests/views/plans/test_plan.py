"""The main job's plan, word for word, and what approvers must never miss."""

from dataclasses import replace

from bot.domain.planned import PlannedDrop, PlannedRows
from bot.views.kit.blocks import View
from bot.views.plans import plan
from tests.views.samples import PLAN, read

GOLDEN = """\
*prod: schema 027 → 026, app v1.3.0 → v1.2.3*
Asked for as `/rollback prod 027`.
*⚠ Know this first*
• These functions stay and name something that goes: public.is_enabled(text).
*What is undone, in one transaction, newest first*
• `027_feature_flags` (4 statements): Removes feature flag functionality.
*What is dropped* – 2 tables, 1 function; ⚠ 1 constraint, 1 view by CASCADE, which no script names
⚠ view `public.active_flags` – taken by CASCADE
⚠ constraint `p_flag_fkey on public.patients` – taken by CASCADE
• table `public.feature_flag_audit_log`
• table `public.feature_flags` with trigger `trigger_update_feature_flags_updated_at`, 2 columns, 2 indexes, \
1 constraint
• function `public.update_feature_flags_updated_at()`
*Rows that go* – 1,204 in all, 327.7 kB
• `public.feature_flag_audit_log` 1,162 rows, 262.1 kB
• `public.feature_flags` 42 rows, 65.5 kB
*Saved first* – a full backup of the database and every row above, counted again; both in `physioflow-backups-prod`.
*The app* – traffic of `physioflow-api` is held until the smoke tests pass
• `physioflow-api` 3 replicas, `api:v1.3.0` → `api:v1.2.3`
• `physioflow-web` 2 replicas, `web:v1.3.0` → `web:v1.2.3`
*Tables that stay and are locked meanwhile*
• `public.patients` nobody can read or write it
*How long* – about 1 min 35 s in all; the app is down for about 41 s of it.
Plan `{digest}`. A vote is for exactly this plan; if anything in it moves, the votes are void."""


def test_the_plan_of_the_main_job() -> None:
    assert read(View("", plan.blocks(PLAN))) == GOLDEN.format(digest=PLAN.digest[:12])


def test_an_app_that_stays_is_said_to_stay() -> None:
    assert plan.headline(replace(PLAN, to_app="v1.3.0")) == "schema 027 → 026, app stays v1.3.0"


def test_a_plan_that_takes_nothing_says_so() -> None:
    shown = read(View("", plan.blocks(replace(PLAN, drops=(), rows=(), locks=(), warnings=()))))

    assert "*What is dropped* – nothing." in shown
    assert "*Rows that go* – none." in shown
    assert "*Saved first* – a full backup of the database, in `physioflow-backups-prod`." in shown
    assert "Tables that stay" not in shown


def test_the_longest_plan_leaves_room_for_votes_and_buttons() -> None:
    long = replace(
        PLAN,
        scripts=PLAN.scripts * 200,
        drops=tuple(PlannedDrop("table", "x" * 120 + str(n), named=False) for n in range(500)),
        rows=tuple(PlannedRows("y" * 120 + str(n), n, n, "dropped") for n in range(500)),
        locks=PLAN.locks * 300,
        workloads=PLAN.workloads * 100,
        warnings=("z" * 1000,) * 100,
    )

    assert len(read(View("", plan.blocks(long)))) < 9800

"""What a run has changed: what went, where it is, what came back."""

from tests.views.runs.html.incidents import PARKED, RECREATED, UNDONE, WENT_WELL
from tests.views.runs.html.reading import words


def test_a_report_says_what_went_and_where_it_is() -> None:
    shown = words(WENT_WELL)

    assert "view public.active_flags no script: CASCADE took it" in shown
    assert "public.feature_flag_audit_log 1,162 262.1 kB with its table" in shown
    assert "Object physioflow-backups-prod/prod_pre.tar.gz" in shown
    assert f"public.feature_flags 42 900 B exports/rk3f9a/public.feature_flags.csv.gz {'a1' * 32}" in shown


def test_a_report_of_a_restore_says_what_came_what_went_and_what_was_found() -> None:
    shown = words(PARKED)

    assert "What stopped it: smoke-failed: GET /health of physioflow-api answered 503" in shown
    assert "cancelled by binh (U0LEADA)" in shown, "an id means nothing in a file"
    assert "public.appointments 18,204 18,112 -92 public.waitlist 12 0 the whole table goes" in shown
    assert "Replaced database, kept whole as physioflow_prod_backstop_kept_rk3f9a Kept for 7 days" in shown
    assert "found 3 rows of public.invoices break their foreign key" in shown
    assert "App down traffic is not known to be back" in shown


def test_a_report_of_an_undoing_says_what_was_taken_back() -> None:
    assert "Undoing of a rollback of prod" in words(RECREATED)
    assert "Objects that come back" in words(RECREATED)
    assert "Takes run rk3f9a back." in words(RECREATED)
    assert "Database that comes back physioflow_prod_backstop_side_rk3f9a" in words(UNDONE)
    assert "No event." in words(UNDONE)

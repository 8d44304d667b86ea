"""`/drill report`, typed for real."""

import pytest

from tests.commands.office import Office


@pytest.mark.parametrize(
    ("text", "environment", "about"),
    [("report", "", ""), ("report prod", "prod", " of prod"), ("  Report  STAGING ", "staging", " of staging")],
)
def test_a_report_is_asked_for(office: Office, text: str, environment: str, about: str) -> None:
    said = office.type(text, command="/drill", channel="C0GENERAL")
    request = office.only_request()

    assert (request.kind, request.payload["environment"], request.payload["channel"]) == (
        "drill-report",
        environment,
        "C0GENERAL",
    )
    assert said == f"Looking at the drills{about}… The report is posted in this channel; I must be a member of it."


@pytest.mark.parametrize(
    ("text", "reference", "hint"),
    [
        ("report prdo", "unknown-environment", "Did you mean prod? Type /drill report prod"),
        ("report prod now", "too-many-words", "Type /drill report ENV."),
        ("", "cannot-read-that", "/drill report"),
        ("<!channel>", "cannot-read-that", "/drill report"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_way_out(office: Office, text: str, reference: str, hint: str) -> None:
    said = office.type(text, command="/drill")

    assert reference in said
    assert hint in said
    assert office.operations.requests == {}

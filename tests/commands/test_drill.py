"""`/drill` and what is under an announcement: what is understood, what is refused, and with which way out."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.domain.drills import Drill, DrillKind
from bot.errors import PermanentError
from bot.views.drills import drill as drill_view
from commands.drill import read_span
from tests.commands.office import Office, until

START = datetime(2026, 2, 16, 2, 0, tzinfo=UTC)
PLANNED = Drill("dk3f9a", "weekly", "staging", DrillKind.RESTORE, "staging", START, START)


@pytest.mark.parametrize(
    ("text", "kind", "payload"),
    [
        ("", "drill-list", {"environment": ""}),
        ("list", "drill-list", {"environment": ""}),
        ("LIST Staging", "drill-list", {"environment": "staging"}),
        ("staging now", "drill-now", {"environment": "staging", "drill": "restore"}),
        ("STAGING Now Migration", "drill-now", {"environment": "staging", "drill": "migration"}),
        ("prod now bundle", "drill-now", {"environment": "prod", "drill": "bundle"}),
        ("show dk3f9a", "drill-show", {"drill_id": "dk3f9a"}),
        ("skip DK3F9A", "drill-skip", {"drill_id": "dk3f9a"}),
        ("postpone dk3f9a 4h", "drill-postpone", {"drill_id": "dk3f9a", "start_at": "", "by_s": 14_400}),
        ("postpone dk3f9a 1 day", "drill-postpone", {"drill_id": "dk3f9a", "start_at": "", "by_s": 86_400}),
        ("report", "drill-report", {"environment": ""}),
        ("report dev", "drill-report", {"environment": "dev"}),
    ],
)
def test_what_is_understood(office: Office, text: str, kind: str, payload: dict[str, object]) -> None:
    said = office.type(text, command="/drill")

    wish = office.only_request()
    assert wish.kind == kind
    assert {key: value for key, value in wish.payload.items() if key in payload} == payload
    assert wish.payload["response_url"].startswith("http")
    assert said


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("now staging", ("wrong-order", "/drill staging now")),
        ("now", ("wrong-order", "/drill ENV now")),
        ("staging", ("cannot-read-that", "/drill staging now [restore|migration|bundle]")),
        ("staging list", ("unknown-verb", "/drill list staging")),
        ("staging restore", ("unknown-verb", "/drill staging now restore")),
        ("staging later", ("unknown-verb", "/drill staging now")),
        ("staging now restroe", ("not-a-drill-kind", "/drill staging now restore")),
        ("staging now everything", ("not-a-drill-kind", "restore|migration|bundle")),
        ("staging now bundle twice", ("too-many-words", "twice")),
        ("stagin now", ("unknown-environment", "/drill staging now")),
        ("lst", ("Did you mean list?",)),
        ("postpon dk3f9a 4h", ("Did you mean postpone?", "/drill postpone dk3f9a 4h")),
        ("everything", ("unknown-environment", "dev, prod, staging", "/drill help")),
        ("list qa", ("unknown-environment", "dev, prod, staging")),
        ("list staging dev", ("too-many-words",)),
        ("skip", ("not-a-drill", "/drill list")),
        ("skip rk3f9a", ("not-a-drill", "dk3f9a", "/drill skip DRILL")),
        ("skip weekly", ("not-a-drill",)),
        ("show dk3f9a now", ("too-many-words",)),
        ("dk3f9a", ("wrong-order", "show|skip|postpone dk3f9a")),
        ("postpone dk3f9a", ("not-a-duration", "4h", "1h30m")),
        ("postpone dk3f9a soon", ("not-a-duration", "/drill postpone dk3f9a 4h")),
        ("postpone 4h dk3f9a", ("not-a-drill", "/drill postpone DRILL 4h")),
        ("x" * 1501, ("text-too-long",)),
    ],
)
def test_what_is_refused_comes_with_the_way_out(office: Office, text: str, parts: tuple[str, ...]) -> None:
    said = office.type(text, command="/drill")

    assert said.startswith("✗ ")
    assert [part for part in parts if part not in said] == []
    assert office.operations.requests == {}
    assert len(said) < 1000


def test_help(office: Office) -> None:
    assert office.type("help", command="/drill") == "How to use /drill"
    assert office.operations.requests == {}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("4h", 14_400),
        ("90m", 5400),
        ("90min", 5400),
        ("1d", 86_400),
        ("1h30m", 5400),
        ("1d2h3m", 93_780),
        ("2Days", 172_800),
        ("1hour", 3600),
        ("3hrs5mins", 11_100),
    ],
)
def test_spans(text: str, seconds: int) -> None:
    assert read_span(text, "…") == seconds


@pytest.mark.parametrize(
    "text", ["", "0h", "4", "-4h", "4 h", "4w", "1.5h", "h", "30m1h", "9999d", "٤h", "4h!", "0d0h0m"]
)
def test_what_is_no_span(text: str) -> None:
    with pytest.raises(PermanentError, match="not-a-duration"):
        read_span(text, "…")


def test_the_skip_button(office: Office) -> None:
    ts = office.post(drill_view.render(PLANNED))
    assert office.hands.do("press", user="U0ENG", channel="C0INCIDENT", ts=ts, action_id="skip_drill")["ok"]

    wish = office.only_request()
    assert (wish.kind, wish.payload["drill_id"], wish.payload["user_id"]) == ("drill-skip", "dk3f9a", "U0ENG")


def test_the_postpone_menu(office: Office) -> None:
    ts = office.post(drill_view.render(PLANNED))
    chosen = "dk3f9a|2026-02-16T06:00:00+00:00"
    pressed = {"user": "U0ENG", "channel": "C0INCIDENT", "ts": ts, "action_id": "postpone_drill", "value": chosen}
    assert office.hands.do("press", **pressed)["ok"]

    wish = office.only_request()
    assert wish.kind == "drill-postpone"
    assert (wish.payload["drill_id"], wish.payload["start_at"]) == ("dk3f9a", "2026-02-16T06:00:00+00:00")


def test_a_menu_of_another_version_is_answered(office: Office) -> None:
    view = drill_view.render(replace(PLANNED, id="x|y"))
    ts = office.post(view)
    value = "x|y|2026-02-16T06:00:00+00:00"
    office.hands.do("press", user="U0GUEST", channel="C0INCIDENT", ts=ts, action_id="postpone_drill", value=value)

    assert until(lambda: [said for said in office.ephemerals("U0GUEST") if "of another version" in said])
    assert office.operations.requests == {}

"""`/backups` and the buttons under its lists: what is understood, what is refused, and with which way out."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.backups import Backup, BackupName, BackupPage, StoredObject
from bot.ports import BackupListing
from bot.views.backups import backups as backups_view
from tests.commands.office import Office, until
from tests.views.samples import ASKED

NAME = "prod_nightly_20260211_010000"
LISTING = BackupListing(
    "prod",
    BackupPage(
        tuple(
            Backup(BackupName("prod", "nightly", ASKED - timedelta(hours=hours)), StoredObject("key", 1))
            for hours in range(2, 5)
        ),
        30,
        20,
    ),
    "night",
    10,
    ASKED,
)
LIST = {"environment": "prod", "text": "", "offset": 0, "replace": False}


@pytest.mark.parametrize(
    ("text", "kind", "payload"),
    [
        ("", "backups", {**LIST, "environment": ""}),
        ("prod", "backups", LIST),
        ("PROD", "backups", LIST),
        ("prod nightly 2026", "backups", {**LIST, "text": "nightly 2026"}),
        ("prod list take", "backups", {**LIST, "text": "take"}),
        ("prod take", "take", {"environment": "prod", "label": "manual"}),
        ("prod TAKE before-launch.2", "take", {"environment": "prod", "label": "before-launch.2"}),
        ('staging take "hotfix"', "take", {"environment": "staging", "label": "hotfix"}),
        (f"prod show {NAME}", "show", {"environment": "prod", "name": NAME}),
        (f"prod show {NAME}.tar.gz", "show", {"environment": "prod", "name": NAME}),
        ("prod show Latest", "show", {"environment": "prod", "name": "latest"}),
        (f"prod verify {NAME}", "verify", {"environment": "prod", "name": NAME, "level": 2}),
        (f"prod verify {NAME} 3", "verify", {"environment": "prod", "name": NAME, "level": 3}),
        (f"prod verify {NAME} level=1", "verify", {"environment": "prod", "name": NAME, "level": 1}),
        ("prod verify prod_nigtly", "verify", {"environment": "prod", "name": "prod_nigtly", "level": 2}),
    ],
)
def test_what_is_understood(office: Office, text: str, kind: str, payload: dict[str, object]) -> None:
    said = office.type(text, command="/backups")

    wish = office.only_request()
    assert wish.kind == kind
    assert {key: value for key, value in wish.payload.items() if key in payload} == payload
    assert wish.payload["response_url"].startswith("http")
    assert said


def test_taking_says_where_it_can_be_followed(office: Office) -> None:
    assert "C0STAGING" in office.type("staging take", command="/backups")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("production", ("unknown-environment", "/backups prod")),
        ("prd take", ("unknown-environment", "/backups prod take")),
        ("take prod", ("wrong-order", "/backups prod take")),
        ("verify", ("wrong-order", "/backups dev verify")),
        (NAME, ("wrong-order", f"/backups prod show {NAME}", f"/backups prod verify {NAME}")),
        ("prod verfy " + NAME, ("unknown-verb", f"/backups prod verify {NAME}", "/backups prod list verfy")),
        ("prod tak", ("unknown-verb", "/backups prod take")),
        ("prod take two words", ("not-a-label", "/backups prod take two-words")),
        ("prod take under_score", ("not-a-label", "/backups prod take under-score")),
        ("prod take -dash", ("not-a-label", "/backups prod take dash")),
        ("prod take " + "x" * 61, ("not-a-label", "60", "/backups prod take " + "x" * 60)),
        ("prod take 💥", ("not-a-label", "/backups prod take manual")),
        ("prod take pre-rollback-027-rk3f9a", ("label-reserved", "/backups prod take")),
        ("prod show", ("which-backup", "/backups prod show NAME", "latest")),
        ("prod show a b", ("too-many-words", "/backups prod show NAME")),
        ("prod show staging_nightly_20260211_010000", ("wrong-environment", "/backups staging show")),
        ("prod verify", ("which-backup", "/backups prod verify NAME")),
        (f"prod verify {NAME} 4", ("not-a-level", "1 checks names", "/backups prod verify NAME")),
        (f"prod verify {NAME} deep", ("not-a-level",)),
        (f"prod verify {NAME} 2 now", ("too-many-words", "now")),
        ("prod " + "x" * 201, ("text-too-long", "/backups prod")),
        ("prod show " + "x" * 201, ("text-too-long",)),
        ("x" * 1501, ("text-too-long",)),
    ],
)
def test_what_is_refused_comes_with_the_way_out(office: Office, text: str, parts: tuple[str, ...]) -> None:
    said = office.type(text, command="/backups")

    assert said.startswith("✗ ")
    assert [part for part in parts if part not in said] == []
    assert office.operations.requests == {}
    assert len(said) < 1000


def test_what_was_typed_is_escaped_once(office: Office) -> None:
    assert office.type("prod show a&b", command="/backups") == "Reading the manifest of a&amp;b…"


def test_help(office: Office) -> None:
    said = office.type("help", command="/backups")

    assert said == "How to use /backups"
    assert office.operations.requests == {}


@pytest.mark.parametrize(
    ("action_id", "kind", "payload"),
    [
        ("verify_backup", "verify", {"environment": "prod", "name": NAME, "level": 2}),
        ("show_backup", "show", {"environment": "prod", "name": NAME}),
        ("newer_backups", "backups", {"environment": "prod", "text": "night", "offset": 0, "replace": True}),
        ("older_backups", "backups", {"environment": "prod", "text": "night", "offset": 20, "replace": True}),
    ],
)
def test_the_buttons_of_a_list(office: Office, action_id: str, kind: str, payload: dict[str, object]) -> None:
    ts = office.post(backups_view.render(LISTING))
    assert office.hands.do("press", user="U0ENG", channel="C0INCIDENT", ts=ts, action_id=action_id)["ok"]

    wish = office.only_request()
    assert wish.kind == kind
    assert {key: value for key, value in wish.payload.items() if key in payload} == payload
    assert wish.payload["response_url"].startswith("http")


def test_a_button_of_an_environment_that_is_gone_is_answered(office: Office) -> None:
    ts = office.post(backups_view.render(replace(LISTING, environment="gone")))

    office.hands.do("press", user="U0GUEST", channel="C0INCIDENT", ts=ts, action_id="older_backups")

    assert until(lambda: [said for said in office.ephemerals("U0GUEST") if "no longer configured" in said])
    assert office.operations.requests == {}

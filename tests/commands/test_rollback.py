"""What `/rollback` understands, and what it says to what it does not."""

from typing import Any

import pytest

from bot.errors import PermanentError
from bot.views.kit.blocks import View
from bot.views.kit.text import escape
from commands import migrations, rollback
from commands.intake import Desk
from tests.commands.office import ENVIRONMENTS, Remembered, Understood, understood
from tests.views.samples import read as shown

DESK = Desk(Remembered(), ENVIRONMENTS, "T0PHYSIO")


def understand(text: str) -> Understood:
    return understood(rollback.read(text, DESK))


def refusal(text: str) -> PermanentError:
    with pytest.raises(PermanentError) as refused:
        rollback.read(text, DESK)
    return refused.value


def asked(**changes: Any) -> dict[str, Any]:
    usual = {"environment": "prod", "migration": "027", "app": "", "reason": "", "asked_for": "/rollback prod 027"}
    return usual | changes


@pytest.mark.parametrize(
    ("typed", "payload"),
    [
        ("prod 027", asked()),
        ("PROD 027", asked()),
        ("prod 027_feature_flags", asked(named="027_feature_flags", asked_for="/rollback prod 027_feature_flags")),
        ("`prod 027`", asked()),
        ("prod 027 --app v1.2.3", asked(app="v1.2.3", asked_for="/rollback prod 027 --app v1.2.3")),
        ("prod 027 —app 1.2.3", asked(app="v1.2.3", asked_for="/rollback prod 027 --app v1.2.3")),
        ("prod 027 --reason flags can’t work", asked(reason="flags can't work")),
    ],
)
def test_a_rollback_is_understood(typed: str, payload: dict[str, Any]) -> None:
    order = understand(typed)

    assert order.kind == "rollback"
    assert order.payload == payload


@pytest.mark.parametrize(
    ("typed", "backup"),
    [
        ("prod latest", "latest"),
        ("prod LATEST", "latest"),
        ("prod prod_nightly_20260105_020000", "prod_nightly_20260105_020000"),
        ("prod prod_nightly_20260105_020000.tar.gz", "prod_nightly_20260105_020000"),
        ("prod prod_nightly", "prod_nightly"),
    ],
)
def test_a_restore_is_understood(typed: str, backup: str) -> None:
    order = understand(f"{typed} --reason why")
    assert order.kind == "restore"
    words = {"environment": "prod", "app": "", "reason": "why", "asked_for": f"/rollback prod {backup}"}
    assert order.payload == {"backup": backup, **words}


def test_a_name_typed_with_the_number_is_kept_for_the_engine_to_compare() -> None:
    order = understand("prod 027_Rom_MMT --reason why")
    assert order.payload["migration"] == "027"
    assert order.payload["named"] == "027_rom_mmt"
    assert "rolling back 027_rom_mmt." in shown(order.reply)
    with pytest.raises(PermanentError) as refused:
        understand("prod 27_rom_mmt.sql")
    assert refused.value.hint == "Did you mean 027_rom_mmt? Type /rollback prod 027_rom_mmt"


def test_an_undo_is_understood() -> None:
    order = understand("undo RK3F9A --reason too early")
    assert order.kind == "undo"
    assert order.payload == {"run_id": "rk3f9a", "reason": "too early", "asked_for": "/rollback undo rk3f9a"}


def test_the_answer_says_where_the_plan_will_be() -> None:
    assert shown(understand("staging 027").reply) == (
        "Looking at *staging*: rolling back 027. The plan will be posted in <#C0STAGING>."
    )


@pytest.mark.parametrize(
    ("typed", "reference", "way_out"),
    [
        ("production 027", "unknown-environment", "Did you mean prod? Type /rollback prod 027"),
        ("prd 027", "unknown-environment", "Did you mean prod? Type /rollback prod 027"),
        ("stagng 027", "unknown-environment", "Did you mean staging? Type /rollback staging 027"),
        ("live 027", "unknown-environment", "Environments: dev, prod, staging."),
        ("staus", "unknown-environment", "Did you mean status? Type /rollback status"),
        ("staus prod", "unknown-environment", "Did you mean status? Type /rollback status prod"),
        ("prod 27", "not-a-migration", "Did you mean 027? Type /rollback prod 027"),
        ("prod v027", "not-a-migration", "Did you mean 027? Type /rollback prod 027"),
        ("prod 0027", "not-a-migration", "Did you mean 027? Type /rollback prod 027"),
        ("prod 000", "not-a-migration", "A migration is three digits"),
        ("prod flags", "not-a-migration", "A migration is three digits, such as 027; /migrations prod lists them."),
        ("prod", "which-migration", "Type /rollback prod and its number"),
        ("prod --app v1.2.3", "which-migration", "Type /rollback prod and its number"),
        ("027 prod", "wrong-order", "Type /rollback prod 027"),
        ("27 prod", "not-a-migration", "Type /rollback prod 027"),
        ("027", "unknown-environment", "Say where: /rollback dev 027"),
        ("prod dev_nightly_20260105_020000", "wrong-environment", "/backups prod lists those of prod"),
        ("prod prod_" + "x" * 300, "text-too-long", "/backups prod lists them"),
        ("restore prod", "wrong-order", "Type /rollback prod latest"),
        ("undo", "which-run", "Type /rollback undo RUN"),
        ("undo 027", "not-a-run", "they look like rk3f9a"),
        ("prod 027 --app latest", "not-an-app-version", "Write it like --app v1.2.3"),
        ("prod 027 --app v1.3", "not-an-app-version", "all three numbers"),
        ("prod 027 --force", "unknown-option", "Type /rollback prod 027 [--app v1.2.3] [--reason why]"),
        ("prod 027 028", "too-many-words", "“028” is too much"),
        ("prod 027 --reason " + "x" * 501, "reason-too-long", "at most 500"),
        ("cancel", "which-run", "/rollback status lists them"),
        ("cancel 027", "not-a-run", "they look like rk3f9a"),
        ("cancel rk3f9a now", "too-many-words", "Type /rollback cancel RUN"),
        ("freeze", "which-environment", "Type /rollback freeze ENV why"),
        ("freeze prod", "reason-needed", "Type /rollback freeze prod why"),
        ("freeze prood why", "unknown-environment", "Type /rollback freeze prod why"),
        ("unfreeze", "which-environment", "Type /rollback unfreeze ENV"),
        ("status everywhere", "unknown-environment", "There are: dev, prod, staging."),
        ("close rk3f9a", "cannot-read-that", "Type /rollback close RUN LINK"),
        ("document", "which-run", "Type /rollback document RUN what went wrong"),
        ("document rk3f9a", "nothing-written", "Say what went wrong"),
        ("document the flags", "not-a-run", "they look like rk3f9a"),
        ("close rk3f9a soon", "not-a-link", "“soon” is not a web link"),
    ],
)
def test_a_near_miss_is_told_what_to_type(typed: str, reference: str, way_out: str) -> None:
    refused = refusal(typed)

    assert refused.reference == reference
    assert way_out in str(refused)


@pytest.mark.parametrize(
    "typed", ["🦄" * 50, "<&>" * 200, "\"\" '' -- --", "a\tb\n" * 40, "--app", "{} {0} %s", "\u202e\u200b?"]
)
def test_absurd_text_gets_a_short_and_harmless_answer(typed: str) -> None:
    refused = refusal(typed)

    assert refused.hint
    assert len(escape(refused.message)) < 120


@pytest.mark.parametrize("typed", ["", "   ", "help", "HELP", "\u200b"])
def test_nothing_at_all_gets_help(typed: str) -> None:
    answer = rollback.read(typed, DESK)

    assert isinstance(answer, View)
    assert "/rollback dev 027" in shown(answer)


@pytest.mark.parametrize(
    ("typed", "kind", "payload"),
    [
        ("status", "status", {"environment": ""}),
        ("Status PROD", "status", {"environment": "prod"}),
        ("cancel RK3F9A", "cancel", {"run_id": "rk3f9a"}),
        ("resume `rk3f9a`", "resume", {"run_id": "rk3f9a"}),
        ("escalate rk3f9a", "escalate", {"run_id": "rk3f9a"}),
        ("salvage rk3f9a", "salvage", {"run_id": "rk3f9a"}),
        ("freeze prod launch day", "freeze", {"environment": "prod", "reason": "launch day"}),
        ('freeze prod --reason "launch day"', "freeze", {"environment": "prod", "reason": "launch day"}),
        ("unfreeze prod", "unfreeze", {"environment": "prod"}),
        (
            "document rk3f9a “the flags” broke",
            "document",
            {"run_id": "rk3f9a", "wrong": '"the flags" broke', "change": ""},
        ),
        (
            "close rk3f9a <https://example.org/7>",
            "close",
            {"run_id": "rk3f9a", "link": "https://example.org/7"},
        ),
    ],
)
def test_the_other_words(typed: str, kind: str, payload: dict[str, str]) -> None:
    order = understand(typed)

    assert (order.kind, order.payload) == (kind, payload)


def test_an_option_inside_quotes_is_part_of_the_reason() -> None:
    assert understand('prod 027 --reason "the --app flag broke"').payload["reason"] == "the --app flag broke"


def test_options_may_come_before_the_migration() -> None:
    assert understand("prod --app=1.2.3 027 --reason “flags broke”").payload == asked(
        app="v1.2.3", reason="flags broke", asked_for="/rollback prod 027 --app v1.2.3"
    )


def test_migrations_needs_an_environment_where_there_are_several() -> None:
    assert understood(migrations.read("Prod", DESK)).payload == {"environment": "prod"}
    with pytest.raises(PermanentError, match=r"which-environment.*/migrations dev, /migrations prod"):
        migrations.read("", DESK)
    with pytest.raises(PermanentError, match="Did you mean prod\\? Type /migrations prod"):
        migrations.read("production", DESK)
    with pytest.raises(PermanentError, match="too-many-words"):
        migrations.read("prod 027", DESK)


def test_migrations_takes_the_only_environment_there_is() -> None:
    alone = Desk(Remembered(), {"prod": ENVIRONMENTS["prod"]}, "T0PHYSIO")

    assert understood(migrations.read("", alone)).payload == {"environment": "prod"}

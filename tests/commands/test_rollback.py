"""What `/rollback` understands, and what it says to what it does not."""

from typing import Any

import pytest

from bot.errors import PermanentError
from bot.views.kit.blocks import View
from commands import rollback
from tests.commands.office import Understood, understood
from tests.commands.reading import DESK
from tests.views.samples import read as shown


def understand(text: str) -> Understood:
    return understood(rollback.read(text, DESK))


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

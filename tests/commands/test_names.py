"""Names as people type them: near misses, absurd texts."""

import pytest

from bot.errors import PermanentError
from bot.views.kit.text import escape
from commands import names, rollback
from tests.commands.reading import DESK


def refusal(text: str) -> PermanentError:
    with pytest.raises(PermanentError) as refused:
        rollback.read(text, DESK)
    return refused.value


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
def test_a_near_miss_hears_what_to_type(typed: str, reference: str, way_out: str) -> None:
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


@pytest.mark.parametrize("typed", ["1234567", "20260131120000", "20260131120000_flags"])
def test_versions_may_be_times_to_the_second(typed: str) -> None:
    assert names.read_migration(typed, "prod") == typed
    assert names.read_target(typed, "prod") == typed
    with pytest.raises(PermanentError, match="not-a-migration"):
        names.read_migration("9" * 19, "prod")

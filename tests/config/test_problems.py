"""One line per bad value, without a secret, whatever the file holds."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.config import load
from bot.errors import PermanentError
from tests.config.samples import PASSWORD, SECRETS, Load, problems, toml


def test_a_pasted_secret_under_a_wrong_key_is_not_repeated(read: Load) -> None:
    found = problems(lambda: read(("team_id", f'token = "xoxb-{PASSWORD}"\nteam_id')))
    assert found == [found[0]]
    assert found[0].startswith("slack.token: unknown key — did you mean ")


LETTERS = st.characters(exclude_categories=["Cc", "Cs"])
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(LETTERS, max_size=8),
    st.just([]),
    st.just({}),
)


def places(table: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Every key of a document, at any depth, with the table it is in."""
    for key, value in table.items():
        yield table, key
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                yield from places(inner)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(data=st.data())
def test_no_value_anywhere_breaks_the_report(data: st.DataObject, base: str, tmp_path: Path) -> None:
    document = tomllib.loads(base)
    table, key = data.draw(st.sampled_from(list(places(document))))
    table[key] = data.draw(VALUES)
    (tmp_path / "drawn.toml").write_text("".join(f"{name} = {toml(item)}\n" for name, item in document.items()))
    try:
        load(tmp_path / "drawn.toml", SECRETS)
    except PermanentError as error:
        assert error.reference == "config-invalid"  # noqa: PT017 -- most drawn values are bad, some are good


SHAPES = [
    # the text in the file, its replacement, the problem
    ("team_id", "team", "slack.team: unknown key — did you mean team_id?"),
    ("team_id", 'mode = "soket"\nteam_id', 'slack.mode: must be "socket" or "http", is "soket" — choose'),
    ('dsn_env = "BACKSTOP_STATE_DSN"', "", "state.dsn_env: is missing — name a variable here, or a file by dsn_file"),
    ("[state]", f'[state]\ndsn = "postgres://u:{PASSWORD}@h/d"', "state.dsn: unknown key — did you mean dsn_env?"),
    ('"020"', "20", "compatibility[1].min_schema: must be a text in quotes, is 20 — set the oldest schema"),
    ("[environments.prod]", "[environments.prod]\nquorum = 2", "environments.prod.quorum: unknown key — keys here"),
    *(
        (
            "production = true",
            f'production = true\nrestore = "{mode}"',
            "environments.prod.restore: restore in place was removed; delete this key, and grant CREATEDB",
        )
        for mode in ("in-place", "swap")
    ),
    ("true", '"yes"', 'environments.prod.production: must be true or false, is "yes" — say whether it is production'),
    (
        "approval.approvers",
        'approval.expires_after_s = "30m"\napproval.approvers',
        'approval.expires_after_s: must be a whole number of seconds, is "30m" — set how many seconds',
    ),
]


@pytest.mark.parametrize(("old", "new", "problem"), SHAPES, ids=[problem for _, _, problem in SHAPES])
def test_a_bad_shape_is_named_with_its_path_and_the_fix(read: Load, old: str, new: str, problem: str) -> None:
    found = problems(lambda: read((old, new)))
    assert any(problem in line for line in found), found


DRILL_SHAPES: list[tuple[dict[str, Any], str]] = [
    (
        {"kind": "swap"},
        'drills[0].kind: must be "restore", "migration" or "bundle", is "swap" — say what to practise',
    ),
]


@pytest.mark.parametrize(("change", "problem"), DRILL_SHAPES)
def test_a_drill_of_no_kind_is_refused(read: Load, change: dict[str, Any], problem: str) -> None:
    drill = {"environment": "staging", "cron": "0 3 * * 1", "kind": "restore"} | change
    more = "[[drills]]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in drill.items())
    (found,) = problems(lambda: read(more=more))
    assert found.startswith(problem)


def test_a_target_that_is_no_key_is_named(read: Load) -> None:
    more = "targets = { restores_s = 900, data_loss_s = 0 }\nproduction = true"
    age, name = problems(lambda: read(("production = true", more)))
    assert name == "environments.prod.targets.restores_s: unknown key — did you mean restore_s?"
    assert age == (
        "environments.prod.targets.data_loss_s: must be 1…31,536,000, is 0 — set how many seconds old the newest "
        "backup may be"
    )

"""Single values: every rule names the key, the value and the fix."""

from typing import Any

import pytest

from tests.config.samples import Load, problems, toml


@pytest.mark.parametrize(
    "selector",
    ["", "app=postgres", "app==x,tier!=y", "a.example/b", "!legacy, tier in (db, pg)", "tier notin (web)", "app="],
)
def test_every_form_of_a_label_selector(read: Load, selector: str) -> None:
    pods = f'version_deployment = "api"\ndatabase_pods = "{selector}"\n[environments.staging]'
    config = read(('version_deployment = "api"\n[environments.staging]', pods))
    assert config.environments["prod"].workloads.database_pods == selector


@pytest.mark.parametrize("selector", ["=x", "app=a b", "tier in ()", "app=x,", "a/b/c", "-a", "app in postgres"])
def test_what_is_no_label_selector(read: Load, selector: str) -> None:
    pods = f'version_deployment = "api"\ndatabase_pods = "{selector}"\n[environments.staging]'
    assert len(problems(lambda: read(('version_deployment = "api"\n[environments.staging]', pods)))) == 1


DAYS = 'a day, like "2026-12-24", or two, like "2026-12-20/2027-01-02"'
VALUES_OF_KEYS = [
    # the text in the file, its replacement, the problem
    (
        "team_id",
        'allow_shared_channels = ["#incident"]\nteam_id',
        "slack.allow_shared_channels[0]: must be a channel's id, C…",
    ),
    ('"T0PHYSIO"', '"physio"', 'slack.team_id: must be a workspace\'s id, T…, is "physio" — set the id of your'),
    ("team_id", 'base_url = "ftp://x"\nteam_id', "slack.base_url: must be an http:// or https:// address"),
    ("[migrations]", '[migrations]\nup_dir = "nowhere"', "migrations.up_dir: must be an existing directory"),
    ("[migrations]", '[migrations]\ntracking_table = "a; b"', "migrations.tracking_table: must be a plain SQL name"),
    ('"v1.2.x"', '"1.2"', 'compatibility[1].app: must be like v1.3.x, v1.x or v1.3.0, is "1.2" — write'),
    ('"020"', '"newest"', 'compatibility[1].min_schema: must be a schema version in quotes, like "027", is "newest"'),
    ("approval.approvers", "approval.quorum = 0\napproval.approvers", "approval.quorum: must be 1…10, is 0 — set how"),
    (
        '"user:U0BOB"',
        '"@bob"',
        "environments.staging.approval.approvers[1]: must be usergroup:S… or user:U… — name who",
    ),
    ('"user:U0BOB"', '"bob"', 'approval.approvers[1]: must be usergroup:S… or user:U…, is "bob" — name who can'),
    (
        "approval.approvers",
        "timing.lock_timeout_s = -1\napproval.approvers",
        "timing.lock_timeout_s: must be 0.01…86,400, is -1 — set how many seconds to wait for a lock",
    ),
    ('"C0INCIDENT"', '"#incidents"', "environments.prod.incident_channel: must be a channel's id, C… (not its name)"),
    ("7011", "70110", "environments.prod.smoke.http[0].port: must be 1…65,535, is 70,110 — set the container's port"),
    ('"/health"', '"health"', 'environments.prod.smoke.http[0].path: must be a path that begins with "/", is "health"'),
    ("environments.staging", "environments.Staging", "environments.Staging: must be small letters and digits"),
    ('"backups-prod"', '"Backups Prod"', "environments.prod.backups.bucket: must be a bucket's name"),
    (
        'services = ["api"]\nversion_deployment = "api"\n[environments.staging]',
        'services = ["api"]\nversion_deployment = "api"\ndatabase_pods = "app in postgres"\n[environments.staging]',
        (
            'environments.prod.cluster.database_pods: must be a label selector, like "app=postgres" or "tier in '
            '(db, pg)", is "app in postgres" — write a label selector'
        ),
    ),
]


@pytest.mark.parametrize(("old", "new", "problem"), VALUES_OF_KEYS, ids=[problem for _, _, problem in VALUES_OF_KEYS])
def test_a_bad_value_is_named_with_its_path_and_the_fix(read: Load, old: str, new: str, problem: str) -> None:
    found = problems(lambda: read((old, new)))
    assert any(problem in line for line in found), found


BAD_DRILLS: list[tuple[dict[str, Any], str]] = [
    (
        {"name": "Weekly One"},
        'drills[0].name: must be small letters, digits and dashes, 60 at the most, is "Weekly One"',
    ),
    ({"jitter_s": -1}, "drills[0].jitter_s: must be 0…86,400, is -1 — set by how many seconds its start may vary"),
    ({"start_within_s": 0}, "drills[0].start_within_s: must be 1…604,800, is 0 — set how many seconds late it may"),
    ({"overdue_after_s": 0}, "drills[0].overdue_after_s: must be 1…31,536,000, is 0 — set how many seconds the last"),
    *(
        (
            {"blackout": ["2026-12-24", wrong]},
            f'drills[0].blackout[1]: must be {DAYS}, is "{wrong}" — list the days on which none starts',
        )
        for wrong in ("christmas", "2026-02-30", "2027-01-02/2026-12-20", "2026-12-24/", "20261224", "2026-W01-1")
    ),
]


@pytest.mark.parametrize(("change", "problem"), BAD_DRILLS)
def test_a_bad_drill_is_refused(read: Load, change: dict[str, Any], problem: str) -> None:
    drill = {"environment": "staging", "cron": "0 3 * * 1", "kind": "restore"} | change
    more = "[[drills]]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in drill.items())
    (found,) = problems(lambda: read(more=more))
    assert found.startswith(problem)

"""Settings against each other: contradictions are errors, risky ones are warnings."""

from typing import Any

import pytest

from tests.config.samples import Load, problems, toml


def test_environments_of_one_namespace_name_in_two_clusters_are_two(read: Load) -> None:
    read(
        ('namespace = "app-staging"', 'namespace = "app-prod"\nserver = "https://10.0.0.2"\ntoken_env = "TOKEN"'),
        TOKEN="t",
    )


def test_two_drills_of_one_name_are_refused(read: Load) -> None:
    drill = '[[drills]]\nenvironment = "staging"\ncron = "0 3 * * 1"\nkind = "restore"\n'
    assert problems(lambda: read(more=f'{drill}{drill}[[drills]]\nname = "another"\n{drill[11:]}')) == [
        'drills[1].name: "staging-restore" is drills[0], too — give each a name of its own'
    ]


CAUTIONS = [
    (('approval.approvers = ["usergroup', 'approval.allow_requester = true\napproval.approvers = ["usergroup'),
     "environments.prod.approval.allow_requester: the requester's own vote counts in production."),
    (('approval.approvers = ["usergroup', 'approval.quorum = 1\napproval.approvers = ["usergroup'),
     "environments.prod.approval.quorum: one approval is enough in production."),
    (('smoke.http = [{ deployment = "api", port = 7011, path = "/health" }]', ""),
     "environments.prod.smoke: nothing is tested before traffic returns in production."),
    ((', "user:U0CAROL"', ""),
     "environments.staging.approval.quorum: every approver must approve, so a request by one of them can never pass."),
    (("production = true", "production = true\nkeep_old_database_s = 7200"),
     ("environments.prod.keep_old_database_s: a replaced database is dropped after 7,200 seconds, less than a day; "
      "nothing can be undone or salvaged after that.")),
]  # fmt: skip


@pytest.mark.parametrize(("change", "warning"), CAUTIONS)
def test_a_valid_but_risky_setting_is_a_warning(read: Load, change: tuple[str, str], warning: str) -> None:
    assert read().warnings == ()
    assert read(change).warnings == (warning,)


CONTRADICTIONS = [
    # the text in the file, its replacement, the problem
    ('"v1.2.x"', '"v1.3.7"', 'compatibility[1].app: "v1.3.7" is in compatibility[0], "v1.3.x", too — keep one row'),
    ('"v1.2.x"', '"v1.x"', 'compatibility[1].app: "v1.x" is in compatibility[0], "v1.3.x", too — keep one row'),
    (
        "BACKSTOP_STAGING_DSN",
        "BACKSTOP_PROD_DSN",
        "environments.staging.database: is the same database as environments.prod.database — give each its own",
    ),
    (
        "BACKSTOP_STAGING_DSN",
        "BACKSTOP_STATE_DSN",
        "environments.staging.database: is the same database as state — give each its own",
    ),
    (
        'namespace = "app-staging"',
        'namespace = "app-prod"',
        (
            'environments.staging.cluster.deployments: "api" in app-prod is in environments.prod.cluster.deployments'
            ", too — give each environment its own"
        ),
    ),
    (
        'namespace = "app-staging"\ndeployments = ["api"]',
        'namespace = "app-prod"\ndeployments = ["api", "staging"]',
        'environments.staging.cluster.services: "api" in app-prod is in environments.prod.cluster.services, too',
    ),
    (
        'database.dsn_env = "BACKSTOP_PROD_DSN"',
        'database.dsn_env = "BACKSTOP_PROD_DSN"\ndatabase.maintenance_database = "prod"',
        "environments.prod.database.maintenance_database: is the very database that is rolled back — name another one",
    ),
    (
        'database.dsn_env = "BACKSTOP_PROD_DSN"',
        'database.dsn_env = "BACKSTOP_PROD_DSN"\ndatabase.shadow_template = "prod"',
        "environments.prod.database.shadow_template: is the very database that is rolled back — name another one",
    ),
]


@pytest.mark.parametrize(("old", "new", "problem"), CONTRADICTIONS, ids=[problem for _, _, problem in CONTRADICTIONS])
def test_settings_that_contradict_each_other_are_named_with_the_fix(
    read: Load, old: str, new: str, problem: str
) -> None:
    found = problems(lambda: read((old, new)))
    assert any(problem in line for line in found), found


BAD_PLACES: list[tuple[dict[str, Any], str]] = [
    (
        {"environment": "prod"},
        'drills[0].environment: "prod" is production — drills run in the other environments only',
    ),
    ({"environment": "qa"}, 'drills[0].environment: "qa" is not an environment — name one of them: prod, staging'),
    (
        {"bundle_of": "prod"},
        "drills[0].bundle_of: a restore drill takes its own backup — leave it out, or practise migration or bundle",
    ),
    (
        {"bundle_of": "qa", "kind": "bundle"},
        'drills[0].bundle_of: "qa" is not an environment — name one of them: prod, staging',
    ),
]


@pytest.mark.parametrize(("change", "problem"), BAD_PLACES)
def test_a_drill_in_the_wrong_environment_is_refused(read: Load, change: dict[str, Any], problem: str) -> None:
    drill = {"environment": "staging", "cron": "0 3 * * 1", "kind": "restore"} | change
    more = "[[drills]]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in drill.items())
    (found,) = problems(lambda: read(more=more))
    assert found.startswith(problem)


def test_a_demand_that_no_drill_can_satisfy_is_a_warning(read: Load) -> None:
    change = ("production = true", 'production = true\nrequire_drill_within_s = 60\nrequire_drill = "block"')
    chains, restores = read(change).warnings
    assert chains == (
        "environments.prod.require_drill: chains are refused without a recent drill, and no migration drill is "
        "scheduled."
    )
    assert restores == (
        "environments.prod.require_drill: restores are refused without a recent proof, and no scheduled drill "
        "restores a backup of prod; only /backups prod verify NAME 3 can prove one."
    )
    more = '[[drills]]\nenvironment = "staging"\ncron = "0 3 * * 1"\nkind = "migration"\n'
    assert read(change, more=more).warnings == (restores,)


def test_a_block_without_an_age_is_a_warning(read: Load) -> None:
    assert read(("production = true", 'production = true\nrequire_drill = "block"')).warnings == (
        "environments.prod.require_drill: blocks nothing without require_drill_within_s.",
    )


def test_two_environments_may_share_a_channel(read: Load) -> None:
    assert len({item.incident_channel for item in read().environments.values()}) == 1

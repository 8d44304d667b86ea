"""`bot.config`: what a file becomes, and everything that can be wrong with one, reported at once."""

import json
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.config import Config, load
from bot.config.dsn import Target, parse_dsn
from bot.config.keys import FileKeys
from bot.domain.drills import DayRange, DrillKind, Schedule
from bot.domain.environments import DrillDemand, HttpCheck, Targets, Timing
from bot.domain.versions import CompatibilityRow
from bot.errors import PermanentError

ROOT = Path(__file__).parents[1]
PASSWORD = "hunter2-is-secret"
SECRETS = {
    "BACKSTOP_SLACK_BOT_TOKEN": f"xoxb-{PASSWORD}",
    "BACKSTOP_SLACK_APP_TOKEN": f"xapp-{PASSWORD}",
    "BACKSTOP_SLACK_SIGNING_SECRET": PASSWORD,
    "BACKSTOP_STATE_DSN": f"postgresql://backstop:{PASSWORD}@db/state",
    "BACKSTOP_DEV_DSN": f"host=db dbname=dev password='{PASSWORD}'",
    "BACKSTOP_STAGING_DSN": f"postgresql://backstop:{PASSWORD}@db/staging",
    "BACKSTOP_PROD_DSN": f"postgres://backstop:{PASSWORD}@db:5432/prod?sslmode=require",
}
BASE = """
[slack]
team_id = "T0PHYSIO"
[state]
dsn_env = "BACKSTOP_STATE_DSN"
[migrations]
down_dir = "{down_dir}"
[[compatibility]]
app = "v1.3.x"
min_schema = "027"
max_schema = "latest"
[[compatibility]]
app = "v1.2.x"
min_schema = "020"
max_schema = "026"
[environments.prod]
production = true
incident_channel = "C0INCIDENT"
database.dsn_env = "BACKSTOP_PROD_DSN"
backups.bucket = "backups-prod"
approval.approvers = ["usergroup:S0LEADS"]
smoke.http = [{{ deployment = "api", port = 7011, path = "/health" }}]
[environments.prod.cluster]
namespace = "app-prod"
deployments = ["api", "web"]
services = ["api"]
version_deployment = "api"
[environments.staging]
incident_channel = "C0INCIDENT"
database.dsn_env = "BACKSTOP_STAGING_DSN"
backups.bucket = "backups-staging"
approval.approvers = ["user:U0ALICE", "user:U0BOB", "user:U0CAROL"]
[environments.staging.cluster]
namespace = "app-staging"
deployments = ["api"]
services = ["api"]
version_deployment = "api"
"""

Load = Callable[..., Config]


@pytest.fixture
def base(tmp_path: Path) -> str:
    (tmp_path / "down").mkdir()
    return BASE.format(down_dir=tmp_path / "down")


@pytest.fixture
def read(tmp_path: Path, base: str) -> Load:
    """Load the base file, changed by `(old, new)` pairs, with `more` at its end."""

    def read(*changes: tuple[str, str], more: str = "", **environ: str | None) -> Config:
        text = base
        for old, new in changes:
            assert old in text, f"nothing to change: {old}"
            text = text.replace(old, new)
        path = tmp_path / "backstop.toml"
        path.write_text(text + more)
        known = SECRETS | environ
        return load(path, {name: value for name, value in known.items() if value is not None})

    return read


def problems(load_it: Callable[[], Config]) -> list[str]:
    """Complaints about a file, one an item."""
    with pytest.raises(PermanentError) as caught:
        load_it()
    assert caught.value.reference == "config-invalid"
    assert PASSWORD not in str(caught.value)
    head, *lines = caught.value.message.splitlines()
    assert head == f"backstop.toml has {len(lines)} bad value{'' if len(lines) == 1 else 's'}:"
    return [line.strip() for line in lines]


class TestTheRealFile:
    @pytest.fixture
    def config(self, monkeypatch: pytest.MonkeyPatch) -> Config:
        monkeypatch.chdir(ROOT)
        return load(ROOT / "deploy/backstop.toml", SECRETS)

    def test_has_three_environments_and_no_caution(self, config: Config) -> None:
        assert list(config.environments) == ["dev", "staging", "prod"]
        assert [item.name for item in config.environments.values() if item.production] == ["prod"]
        assert config.access.keys() == config.keep_old_database_s.keys() == config.environments.keys()
        assert config.warnings == ()

    def test_demands_two_leads_for_production(self, config: Config) -> None:
        policy = config.environments["prod"].approval
        assert (policy.quorum, policy.approvers, policy.allow_requester) == (2, ("usergroup:S0LEADS",), False)
        assert policy.expires_after_s == timedelta(minutes=30).total_seconds()

    def test_has_the_procedures_matrix(self, config: Config) -> None:
        assert list(map(str, config.matrix.rows)) == [
            "v1.3.x needs schema 027–latest",
            "v1.2.x needs schema 020–026",
            "v1.1.x needs schema 015–019",
            "v1.0.x needs schema 001–014",
        ]

    def test_finds_the_down_scripts(self, config: Config) -> None:
        assert config.migrations.down_dir == ROOT / "sql/down"
        assert (config.migrations.down_dir / "027_feature_flags.sql").is_file()

    def test_goes_up_again_only_where_it_is_told_from_what(self, config: Config) -> None:
        assert config.migrations.up_dir is None

    def test_holds_no_secret(self) -> None:
        text = (ROOT / "deploy/backstop.toml").read_text()
        assert "://" not in text
        assert "xoxb" not in text


class TestWhatAFileBecomes:
    def test_an_environment_in_the_domains_words(self, read: Load) -> None:
        config = read(("approval.approvers", "timing = { pods_stop_s = 5 }\napproval.approvers"))
        prod = config.environments["prod"]
        assert prod.workloads.deployments == ("api", "web")
        assert prod.smoke.http == (HttpCheck("api", 7011, "/health", 5.0),)
        assert prod.timing == Timing(pods_stop_s=5.0)
        assert config.matrix.rows[1] == CompatibilityRow("v1.2.x", 20, 26)
        assert config.slack.base_url is None
        assert (config.http.host, config.http.port) == ("127.0.0.1", 8080)

    def test_is_frozen(self, read: Load) -> None:
        config = read()
        with pytest.raises(FrozenInstanceError):
            config.pg_bin = Path()  # type: ignore[misc] # that it cannot be set is the point
        with pytest.raises(TypeError):
            config.environments["prod"] = config.environments["staging"]  # type: ignore[index] # likewise

    def test_shows_no_secret(self, read: Load) -> None:
        config = read()
        assert config.state_dsn.get_secret_value() == SECRETS["BACKSTOP_STATE_DSN"]
        assert config.access["prod"].database.dsn.get_secret_value() == SECRETS["BACKSTOP_PROD_DSN"]
        assert PASSWORD not in repr(config)

    def test_takes_secrets_from_mounted_files(self, read: Load, tmp_path: Path) -> None:
        (tmp_path / "dsn").write_text(f"postgresql://u:{PASSWORD}@db/prod\n")
        config = read(('database.dsn_env = "BACKSTOP_PROD_DSN"', f'database.dsn_file = "{tmp_path}/dsn"'))
        assert config.access["prod"].database.dsn.get_secret_value() == f"postgresql://u:{PASSWORD}@db/prod"

    def test_asks_each_mode_for_its_own_secrets(self, read: Load) -> None:
        socket = read(BACKSTOP_SLACK_SIGNING_SECRET=None).slack
        assert (socket.app_token is None, socket.signing_secret is None) == (False, True)
        http = read(("team_id", 'mode = "http"\nteam_id'), BACKSTOP_SLACK_APP_TOKEN=None).slack
        assert (http.app_token is None, http.signing_secret is None) == (True, False)

    def test_leaves_storage_keys_to_the_client_unless_they_are_named(self, read: Load) -> None:
        assert read(AWS_ACCESS_KEY_ID="id").access["prod"].storage.access_key is None
        keys = 'backups = { bucket = "b-1", access_key_env = "KEY", secret_key_env = "SECRET" }'
        storage = read(('backups.bucket = "backups-prod"', keys), KEY="id", SECRET=PASSWORD).access["prod"].storage
        assert storage.access_key is not None
        assert storage.access_key.get_secret_value() == "id"
        assert storage.secret_key is not None
        assert storage.secret_key.get_secret_value() == PASSWORD

    def test_reaches_another_api_server_with_a_token(self, read: Load) -> None:
        server = 'namespace = "app-prod"\nserver = "https://10.0.0.1:6443/"\ntoken_env = "CLUSTER_TOKEN"'
        cluster = read(('namespace = "app-prod"', server), CLUSTER_TOKEN=PASSWORD).access["prod"].cluster
        assert (cluster.server, cluster.token and cluster.token.get_secret_value()) == (
            "https://10.0.0.1:6443",
            PASSWORD,
        )

    def test_remembers_where_a_token_is_read_again(self, read: Load, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text(PASSWORD)
        server = f'namespace = "app-prod"\nserver = "https://10.0.0.1:6443/"\ntoken_file = "{file}"'
        assert read(('namespace = "app-prod"', server)).access["prod"].cluster.token_file == file

    def test_shared_channels_are_allowed_one_by_one(self, read: Load) -> None:
        assert read().slack.allow_shared_channels == []
        config = read(("team_id", 'allow_shared_channels = ["C0PARTNER"]\nteam_id'))
        assert config.slack.allow_shared_channels == ["C0PARTNER"]

    def test_another_slack_host_ends_in_a_slash(self, read: Load) -> None:
        config = read(("team_id", 'base_url = "http://127.0.0.1:9000/api"\nteam_id'))
        assert config.slack.base_url == "http://127.0.0.1:9000/api/"

    def test_client_tools_of_the_environment_go_first(self, read: Load, tmp_path: Path) -> None:
        for name in ("mine", "theirs"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "pg_dump").touch()
        more = f'[tools]\npg_bin = "{tmp_path}/theirs"\n'
        assert read(more=more).pg_bin == tmp_path / "theirs"
        assert read(more=more, BACKSTOP_PG_BIN=str(tmp_path / "mine")).pg_bin == tmp_path / "mine"

    def test_two_environments_may_share_a_channel(self, read: Load) -> None:
        assert len({item.incident_channel for item in read().environments.values()}) == 1

    def test_drills_are_understood(self, read: Load) -> None:
        more = '[[drills]]\nenvironment = "staging"\ncron = "0 3 * * 1"\nkind = "migration"\n'
        (drill,) = read(more=more).drills
        assert drill == Schedule("staging-migration", "staging", DrillKind.MIGRATION, "0 3 * * 1")

    def test_everything_a_drill_may_say(self, read: Load) -> None:
        lines = (
            'name = "weekly"',
            'environment = "staging"',
            'cron = "30 2 * * sun"',
            'kind = "bundle"',
            'timezone = "Europe/Berlin"',
            'bundle_of = "prod"',
            "jitter_s = 600",
            'blackout = ["2026-12-20/2027-01-02", "2027-04-01"]',
            "announce_before_s = 86400",
            "start_within_s = 7200",
            "overdue_after_s = 1209600",
        )
        (drill,) = read(more="[[drills]]\n" + "\n".join(lines) + "\n").drills
        days = (
            DayRange(date(2026, 12, 20), date(2027, 1, 2)),
            DayRange(date(2027, 4, 1), date(2027, 4, 1)),
        )
        assert drill == Schedule(
            "weekly",
            "staging",
            DrillKind.BUNDLE,
            "30 2 * * sun",
            "Europe/Berlin",
            "prod",
            600,
            days,
            86400,
            7200,
            1209600,
        )

    def test_targets_and_the_demand_for_drills(self, read: Load) -> None:
        more = "targets = { restore_s = 900, data_loss_s = 86_400 }\nrequire_drill_within_s = 60\nproduction = true"
        prod = read(("production = true", more)).environments["prod"]
        assert prod.targets == Targets(900, 86_400)
        assert prod.drill_demand == DrillDemand(60, blocks=False)
        blocking = read(("production = true", f'{more}\nrequire_drill = "block"')).environments["prod"]
        assert blocking.drill_demand == DrillDemand(60, blocks=True)
        plain = read().environments["prod"]
        assert (plain.targets, plain.drill_demand) == (Targets(), None)

    def test_a_target_that_is_no_key_is_named(self, read: Load) -> None:
        more = "targets = { restores_s = 900, data_loss_s = 0 }\nproduction = true"
        age, name = problems(lambda: read(("production = true", more)))
        assert name == "environments.prod.targets.restores_s: unknown key — did you mean restore_s?"
        assert age == (
            "environments.prod.targets.data_loss_s: must be 1…31,536,000, is 0 — set how many seconds old the newest "
            "backup may be"
        )

    def test_a_demand_that_no_drill_can_satisfy_is_a_warning(self, read: Load) -> None:
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

    def test_a_block_without_an_age_is_a_warning(self, read: Load) -> None:
        assert read(("production = true", 'production = true\nrequire_drill = "block"')).warnings == (
            "environments.prod.require_drill: blocks nothing without require_drill_within_s.",
        )


BAD_VALUES = [
    # what is changed, into what, the problem
    ("team_id", "team", "slack.team: unknown key — did you mean team_id?"),
    (
        "team_id",
        'allow_shared_channels = ["#incident"]\nteam_id',
        "slack.allow_shared_channels[0]: must be a channel's id, C…",
    ),
    ('"T0PHYSIO"', '"physio"', 'slack.team_id: must be a workspace\'s id, T…, is "physio" — set the id of your'),
    ("team_id", 'mode = "soket"\nteam_id', 'slack.mode: must be "socket" or "http", is "soket" — choose'),
    ("team_id", 'base_url = "ftp://x"\nteam_id', "slack.base_url: must be an http:// or https:// address"),
    ('dsn_env = "BACKSTOP_STATE_DSN"', "", "state.dsn_env: is missing — name a variable here, or a file by dsn_file"),
    ("[state]", f'[state]\ndsn = "postgres://u:{PASSWORD}@h/d"', "state.dsn: unknown key — did you mean dsn_env?"),
    (
        '"BACKSTOP_STATE_DSN"',
        f'"postgres://u:{PASSWORD}@h/d"',
        "state.dsn_env: must be the name of an environment variable — put the secret there, not in this file",
    ),
    (
        'dsn_env = "BACKSTOP_STATE_DSN"',
        'dsn_env = "BACKSTOP_STATE_DSN"\ndsn_file = "/nowhere/dsn"',
        "state.dsn_file: must be the path of a readable file — mount the secret there",
    ),
    ("[migrations]", '[migrations]\nup_dir = "nowhere"', "migrations.up_dir: must be an existing directory"),
    ("[migrations]", "[migrations]\nversion_columns = []", "migrations.version_columns: must not be empty — name"),
    ("[migrations]", '[migrations]\ntracking_table = "a; b"', "migrations.tracking_table: must be a plain SQL name"),
    ('"v1.2.x"', '"1.2"', 'compatibility[1].app: must be like v1.3.x, v1.x or v1.3.0, is "1.2" — write'),
    ('"v1.2.x"', '"v1.3.7"', 'compatibility[1].app: "v1.3.7" is in compatibility[0], "v1.3.x", too — keep one row'),
    ('"v1.2.x"', '"v1.x"', 'compatibility[1].app: "v1.x" is in compatibility[0], "v1.3.x", too — keep one row'),
    ('"020"', '"028"', 'compatibility[1].max_schema: must not be below min_schema, 028, is "026" — set the newest'),
    ('"020"', "20", "compatibility[1].min_schema: must be a text in quotes, is 20 — set the oldest schema"),
    ('"020"', '"newest"', 'compatibility[1].min_schema: must be a schema version in quotes, like "027", is "newest"'),
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
    ("approval.approvers", "approval.quorum = 0\napproval.approvers", "approval.quorum: must be 1…10, is 0 — set how"),
    (
        '["user:U0ALICE", "user:U0BOB", "user:U0CAROL"]',
        '["user:U0ALICE"]',
        "environments.staging.approval.quorum: must not be above the number of approvers, 1, is 2 — set how many",
    ),
    (
        '"user:U0BOB"',
        '"@bob"',
        "environments.staging.approval.approvers[1]: must be usergroup:S… or user:U… — name who",
    ),
    ('"user:U0BOB"', '"bob"', 'approval.approvers[1]: must be usergroup:S… or user:U…, is "bob" — name who can'),
    (
        "approval.approvers",
        'approval.expires_after_s = "30m"\napproval.approvers',
        'approval.expires_after_s: must be a whole number of seconds, is "30m" — set how many seconds',
    ),
    (
        "approval.approvers",
        "timing.lock_timeout_s = -1\napproval.approvers",
        "timing.lock_timeout_s: must be 0.01…86,400, is -1 — set how many seconds to wait for a lock",
    ),
    ('"C0INCIDENT"', '"#incidents"', "environments.prod.incident_channel: must be a channel's id, C… (not its name)"),
    (
        'version_deployment = "api"',
        'version_deployment = "app"',
        'version_deployment: must be one of cluster.deployments (api, web), is "app" — name the Deployment',
    ),
    (
        'deployment = "api", port',
        'deployment = "worker", port',
        "environments.prod.smoke.http[0].deployment: must be one of cluster.deployments (api, web) — name the",
    ),
    ("7011", "70110", "environments.prod.smoke.http[0].port: must be 1…65,535, is 70,110 — set the container's port"),
    ('"/health"', '"health"', 'environments.prod.smoke.http[0].path: must be a path that begins with "/", is "health"'),
    ("environments.staging", "environments.Staging", "environments.Staging: must be small letters and digits"),
    ('"backups-prod"', '"Backups Prod"', "environments.prod.backups.bucket: must be a bucket's name"),
    (
        "backups.bucket",
        'backups.access_key_env = "BACKSTOP_PROD_DSN"\nbackups.bucket',
        "environments.prod.backups.secret_key_env: is missing — name a variable here, or a file by secret_key_file",
    ),
    (
        "backups.bucket",
        'backups.secret_key_env = "BACKSTOP_PROD_DSN"\nbackups.bucket',
        "environments.prod.backups.secret_key_env: goes with an access key — name its place by access_key_env",
    ),
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
    (
        "production = true",
        "production = true\nkeep_old_database_s = 7",
        (
            "environments.prod.keep_old_database_s: must not be below 3,600 in production: nothing could be undone or "
            "salvaged later, is 7 — set how many seconds a replaced database stays"
        ),
    ),
    (
        'services = ["api"]\nversion_deployment = "api"\n[environments.staging]',
        'services = ["api"]\nversion_deployment = "api"\ndatabase_pods = "app in postgres"\n[environments.staging]',
        (
            'environments.prod.cluster.database_pods: must be a label selector, like "app=postgres" or "tier in '
            '(db, pg)", is "app in postgres" — write a label selector'
        ),
    ),
]


def test_environments_of_one_namespace_name_in_two_clusters_are_two(read: Load) -> None:
    read(
        ('namespace = "app-staging"', 'namespace = "app-prod"\nserver = "https://10.0.0.2"\ntoken_env = "TOKEN"'),
        TOKEN="t",
    )


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


@pytest.mark.parametrize(("old", "new", "problem"), BAD_VALUES, ids=[problem for _, _, problem in BAD_VALUES])
def test_a_bad_value_is_named_with_its_path_and_the_fix(read: Load, old: str, new: str, problem: str) -> None:
    found = problems(lambda: read((old, new)))
    assert any(problem in line for line in found), found


BAD_SURROUNDINGS = [
    (
        "BACKSTOP_PROD_DSN",
        None,
        "environments.prod.database.dsn_env: the environment variable BACKSTOP_PROD_DSN is not",
    ),
    ("BACKSTOP_PROD_DSN", " ", "environments.prod.database.dsn_env: the environment variable BACKSTOP_PROD_DSN is not"),
    ("BACKSTOP_PROD_DSN", f"mysql://u:{PASSWORD}@h/d", "BACKSTOP_PROD_DSN holds no connection string that names a"),
    ("BACKSTOP_PROD_DSN", f"postgresql://u:{PASSWORD}@h/", "BACKSTOP_PROD_DSN holds no connection string that names"),
    ("BACKSTOP_SLACK_BOT_TOKEN", None, "slack.bot_token_env: the environment variable BACKSTOP_SLACK_BOT_TOKEN is not"),
    ("BACKSTOP_SLACK_BOT_TOKEN", f"xapp-{PASSWORD}", "holds an app-level token — the two tokens are probably swapped"),
    ("BACKSTOP_SLACK_APP_TOKEN", f"xoxb-{PASSWORD}", "holds a bot token — the two tokens are probably swapped"),
    ("BACKSTOP_PG_BIN", "/nowhere", "tools.pg_bin: must be a directory with pg_dump in it"),
]


@pytest.mark.parametrize(("name", "value", "problem"), BAD_SURROUNDINGS)
def test_a_bad_secret_is_named_and_never_shown(read: Load, name: str, value: str | None, problem: str) -> None:
    found = problems(lambda: read(**{name: value}))
    assert len(found) == 1
    assert problem in found[0]


DAYS = 'a day, like "2026-12-24", or two, like "2026-12-20/2027-01-02"'
WHEN = "say when: minute, hour, day of month, month, weekday"
BAD_DRILLS: list[tuple[dict[str, Any], str]] = [
    (
        {"environment": "prod"},
        'drills[0].environment: "prod" is production — drills run in the other environments only',
    ),
    ({"environment": "qa"}, 'drills[0].environment: "qa" is not an environment — name one of them: prod, staging'),
    ({"cron": ""}, f'drills[0].cron: must be five cron fields, like 0 3 * * 1, is "" — {WHEN}'),
    ({"cron": "0 3 * * 8"}, f'drills[0].cron: must be five cron fields, like 0 3 * * 1, is "0 3 * * 8" — {WHEN}'),
    ({"cron": "60 3 * * 1"}, f'drills[0].cron: must be five cron fields, like 0 3 * * 1, is "60 3 * * 1" — {WHEN}'),
    ({"cron": "0 3 30 2 *"}, f'drills[0].cron: must be a time that comes, in any year, is "0 3 30 2 *" — {WHEN}'),
    (
        {"kind": "swap"},
        'drills[0].kind: must be "restore", "migration" or "bundle", is "swap" — say what to practise',
    ),
    (
        {"timezone": "Mars/Base"},
        'drills[0].timezone: must be a time zone\'s name, like Europe/Berlin, is "Mars/Base" — say whose clock that is',
    ),
    (
        {"name": "Weekly One"},
        'drills[0].name: must be small letters, digits and dashes, 60 at the most, is "Weekly One"',
    ),
    (
        {"bundle_of": "prod"},
        "drills[0].bundle_of: a restore drill takes its own backup — leave it out, or practise migration or bundle",
    ),
    (
        {"bundle_of": "qa", "kind": "bundle"},
        'drills[0].bundle_of: "qa" is not an environment — name one of them: prod, staging',
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


def test_two_drills_of_one_name_are_refused(read: Load) -> None:
    drill = '[[drills]]\nenvironment = "staging"\ncron = "0 3 * * 1"\nkind = "restore"\n'
    assert problems(lambda: read(more=f'{drill}{drill}[[drills]]\nname = "another"\n{drill[11:]}')) == [
        'drills[1].name: "staging-restore" is drills[0], too — give each a name of its own'
    ]


def test_everything_is_reported_at_once(read: Load) -> None:
    changes = [('"T0PHYSIO"', '"physio"'), ('"020"', '"028"'), ("true", '"yes"'), ("7011", "70110")]
    more = '[[drills]]\nenvironment = "prod"\ncron = "x"\nkind = "restore"\n[htpp]\nport = 1\n'
    found = problems(lambda: read(*changes, more=more, BACKSTOP_STAGING_DSN=None, BACKSTOP_SLACK_APP_TOKEN=None))
    assert [line.split(": ")[0] for line in found] == [
        "slack.team_id",
        "slack.app_token_env",
        "compatibility[1].max_schema",
        "environments.prod.production",
        "environments.prod.smoke.http[0].port",
        "environments.staging.database.dsn_env",
        "drills[0].cron",
        "htpp",
    ]


def test_a_pasted_secret_under_a_wrong_key_is_not_repeated(read: Load) -> None:
    found = problems(lambda: read(("team_id", f'token = "xoxb-{PASSWORD}"\nteam_id')))
    assert found == [found[0]]
    assert found[0].startswith("slack.token: unknown key — did you mean ")


@pytest.mark.parametrize("reason", ["missing", "no TOML", "no text"])
def test_an_unreadable_file_is_said_to_be_one(tmp_path: Path, reason: str) -> None:
    path = tmp_path / "backstop.toml"
    if reason != "missing":
        path.write_bytes(b"[slack\n" if reason == "no TOML" else b"\xff\xfe")
    with pytest.raises(PermanentError, match=r"backstop\.toml") as caught:
        load(path, {})
    assert caught.value.reference == "config-unreadable"
    assert caught.value.hint


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


DSNS = [
    ("postgresql://u:p@db.example:5433/app?sslmode=require", Target("db.example", "5433", "app")),
    ("postgres://db/app", Target("db", "5432", "app")),
    ("postgresql://u:p%40ss@[::1]:5433/my%20app", Target("::1", "5433", "my app")),
    ("postgresql://h1:1,h2:2/app", Target("h1,h2", "1,2", "app")),
    ("postgresql:///app?host=/run/pg", Target("/run/pg", "5432", "app")),
    ("host=DB port = 5433 dbname='my app' password='it\\'s'", Target("db", "5433", "my app")),
    ("dbname=app", Target("", "5432", "app")),
    ("postgresql://db", None),
    ("postgresql://db:port/app", None),
    ("postgresql://[::1/app", None),
    ("host=db", None),
    ("mysql://db/app", None),
    ("just words", None),
    ("dbname='app", None),
    ("", None),
]


@pytest.mark.parametrize(("dsn", "target"), DSNS)
def test_a_connection_string_is_understood(dsn: str, target: Target | None) -> None:
    assert parse_dsn(dsn) == target


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_connection_strings(text: str) -> None:
    parse_dsn(text)
    parse_dsn(f"postgresql://{text}")
    parse_dsn(f"dbname={text}")


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


def toml(value: Any) -> str:
    """A value as TOML writes it in a line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


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


def keys_of(model: Any) -> Iterator[str]:
    """Names of every key, at any depth."""
    schema = model.model_json_schema()
    for table in [schema, *schema["$defs"].values()]:
        yield from table["properties"]


def test_every_key_is_explained() -> None:
    text = (ROOT / "docs/configuration.md").read_text()
    assert [key for key in sorted(set(keys_of(FileKeys))) if f"`{key}`" not in text] == []

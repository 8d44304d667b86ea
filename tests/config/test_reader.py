"""The settings that a file becomes, and every problem reported at once."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from bot.config import Config, load
from bot.domain.drills import DayRange, DrillKind, Schedule
from bot.domain.environments import DrillDemand, HttpCheck, Targets, Timing
from bot.domain.versions import CompatibilityRow
from bot.errors import PermanentError
from tests.config.samples import ROOT, SECRETS, Load, problems


class TestDeployedFile:
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

    def test_goes_up_again_only_where_the_up_scripts_are_configured(self, config: Config) -> None:
        assert config.migrations.up_dir is None

    def test_holds_no_secret(self) -> None:
        text = (ROOT / "deploy/backstop.toml").read_text()
        assert "://" not in text
        assert "xoxb" not in text


class TestSettings:
    def test_an_environment_in_the_domains_words(self, read: Load) -> None:
        config = read(("approval.approvers", "timing = { pods_stop_s = 5 }\napproval.approvers"))
        prod = config.environments["prod"]
        assert prod.workloads.deployments == ("api", "web")
        assert prod.smoke.http == (HttpCheck("api", 7011, "/health", 5.0),)
        assert prod.timing == Timing(pods_stop_s=5.0)
        assert config.matrix.rows[1] == CompatibilityRow("v1.2.x", 20, 26)
        assert config.slack.base_url is None
        assert (config.http.host, config.http.port) == ("127.0.0.1", 8080)

    def test_anchors_are_in_production_s_bucket_unless_they_have_their_own(self, read: Load) -> None:
        place = read().anchors
        assert (place.target.bucket, place.target.region, place.prefix) == ("backups-prod", "us-east-1", "anchors/")
        own = '[audit]\nanchor_bucket = "witness"\nanchor_prefix = "bot/2/"\nregion = "eu-1"\nanchor_lock_days = 9\n'
        place = read(more=own).anchors
        assert (place.target.bucket, place.target.region) == ("witness", "eu-1")
        assert (place.prefix, place.lock_days) == ("bot/2/", 9)

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


@pytest.mark.parametrize("reason", ["missing", "no TOML", "no text"])
def test_an_unreadable_file_is_said_to_be_one(tmp_path: Path, reason: str) -> None:
    path = tmp_path / "backstop.toml"
    if reason != "missing":
        path.write_bytes(b"[slack\n" if reason == "no TOML" else b"\xff\xfe")
    with pytest.raises(PermanentError, match=r"backstop\.toml") as caught:
        load(path, {})
    assert caught.value.reference == "config-unreadable"
    assert caught.value.hint

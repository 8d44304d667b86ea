"""Reads ``backstop.toml`` and the environment into a `Config`, or reports everything that is wrong with them."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from bot.config import keys, settings
from bot.config.credentials import Surroundings
from bot.config.cross_checks import cross_check, find_warnings
from bot.config.problems import describe
from bot.config.rules import read_days
from bot.domain import environments as domain
from bot.domain.drills import DayRange, DrillKind, Schedule
from bot.domain.signing import Keyring
from bot.domain.versions import CompatibilityRow, Matrix
from bot.errors import PermanentError

_HINT = "Fix them and start again; docs/configuration.md explains every key."


def load(path: Path, environ: Mapping[str, str]) -> settings.Config:
    """Read the file, and the secrets it names from `environ` and from files.

    Relative paths start at the working directory. ``BACKSTOP_PG_BIN`` overrides ``tools.pg_bin``.

    Raises:
        PermanentError: ``config-unreadable`` (no file, or no TOML), ``config-invalid`` with a line for each bad value.
    """
    document = _read(path)
    tools = document.setdefault("tools", {})
    if isinstance(tools, dict) and environ.get("BACKSTOP_PG_BIN"):
        tools["pg_bin"] = environ["BACKSTOP_PG_BIN"]
    around = Surroundings(environ)
    problems, file = [], None
    try:
        file = keys.FileKeys.model_validate(document, context=around)
    except ValidationError as error:
        problems = [describe(details) for details in error.errors(include_url=False)]
    # All problems at once: people fix a file in one go, not one key per start.
    problems += cross_check(document, around)
    if problems or file is None:
        count = "1 bad value" if len(problems) == 1 else f"{len(problems)} bad values"
        message = "\n  ".join([f"{path.name} has {count}:", *problems])
        raise PermanentError("config-invalid", message, f"\n{_HINT}") from None
    return _build(file)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        hint = "Name the file with --config, or put it there."
        raise PermanentError("config-unreadable", f"{path} cannot be read: {error.strerror}.", hint) from error
    except UnicodeDecodeError as error:
        raise PermanentError("config-unreadable", f"{path.name} is no UTF-8 text.", "Save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        hint = "Fix the line; the file is written in TOML."
        raise PermanentError("config-unreadable", f"{path.name} is no TOML: {error}.", hint) from error


def _build(file: keys.FileKeys) -> settings.Config:
    """Turn checked keys into settings."""
    items = file.environments
    access = {name: settings.Access(item.database, item.backups, item.cluster) for name, item in items.items()}
    return settings.Config(
        slack=file.slack,
        state_dsn=file.state.dsn,
        keyring=Keyring.parse(file.signing.keys.get_secret_value()),
        anchors=_anchors(file),
        migrations=file.migrations,
        matrix=Matrix(tuple(_row(row) for row in file.compatibility)),
        environments=MappingProxyType({name: _environment(name, item) for name, item in items.items()}),
        access=MappingProxyType(access),
        keep_old_database_s=MappingProxyType({name: item.keep_old_database_s for name, item in items.items()}),
        drills=tuple(_schedule(drill) for drill in file.drills),
        http=file.http,
        pg_bin=file.tools.pg_bin,
        scratch_dir=file.tools.scratch_dir,
        warnings=tuple(find_warnings(file)),
    )


def _anchors(file: keys.FileKeys) -> settings.AnchorPlace:
    """The place of the anchors: what ``[audit]`` leaves out is as in the first production environment's backups."""
    items, own = list(file.environments.values()), file.audit
    backups = next((item for item in items if item.production), items[0]).backups
    target = domain.BackupTarget(
        own.anchor_bucket or backups.bucket, own.endpoint_url or backups.endpoint_url, own.region or backups.region
    )
    return settings.AnchorPlace(target, own.anchor_prefix, own.anchor_lock_days, own if own.access_key else backups)


def _environment(name: str, item: keys.EnvironmentKeys) -> domain.Environment:
    cluster, backups, approval, smoke = item.cluster, item.backups, item.approval, item.smoke
    return domain.Environment(
        name=name,
        production=item.production,
        incident_channel=item.incident_channel,
        workloads=domain.Workloads(
            namespace=cluster.namespace,
            deployments=tuple(cluster.deployments),
            services=tuple(cluster.services),
            version_deployment=cluster.version_deployment,
            database_pods=cluster.database_pods,
        ),
        backups=domain.BackupTarget(backups.bucket, backups.endpoint_url, backups.region),
        approval=domain.ApprovalPolicy(
            approval.quorum, tuple(approval.approvers), approval.expires_after_s, approval.allow_requester
        ),
        smoke=domain.SmokeChecks(
            tuple(domain.HttpCheck(**check.model_dump()) for check in smoke.http), tuple(smoke.sql)
        ),
        timing=domain.Timing(**item.timing.model_dump()),
        escalation_contacts=tuple(item.escalation_contacts),
        targets=domain.Targets(item.targets.restore_s, item.targets.data_loss_s),
        drill_demand=_drill_demand(item),
    )


def _drill_demand(item: keys.EnvironmentKeys) -> domain.DrillDemand | None:
    if item.require_drill_within_s is None:
        return None
    return domain.DrillDemand(item.require_drill_within_s, item.require_drill == "block")


def _row(row: keys.CompatibilityKeys) -> CompatibilityRow:
    top = None if row.max_schema == "latest" else int(row.max_schema)
    return CompatibilityRow(row.app, int(row.min_schema), top)


def _schedule(item: keys.DrillKeys) -> Schedule:
    return Schedule(
        name=item.full_name,
        environment=item.environment,
        kind=DrillKind(item.kind),
        cron=item.cron,
        timezone=item.timezone,
        bundle_of=item.bundle_of or "",
        jitter_s=item.jitter_s,
        blackout=tuple(DayRange(*span) for text in item.blackout if (span := read_days(text))),
        announce_before_s=item.announce_before_s,
        start_within_s=item.start_within_s,
        overdue_after_s=item.overdue_after_s,
    )

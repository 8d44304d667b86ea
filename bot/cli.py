"""Runs the command line's commands: everything Slack can show, without Slack."""

import getpass
import os
import signal
import socket
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from rich.console import Console
from rich.table import Table

from bot.adapters.journal import roles
from bot.app import Service, assemble
from bot.config import Config
from bot.domain.catalogue import DatabaseFacts
from bot.domain.plans import ChainPlan, narrow
from bot.domain.versions import label
from bot.engine.approvals.adopt import adopt_run, prepare_to_adopt
from bot.engine.backups.adopt import adopt_bundle, adopt_export
from bot.engine.context import EnvironmentServices, Services
from bot.engine.kinds import preview
from bot.engine.requests import OpenRollback
from bot.engine.runs.open_run import read_plan_request
from bot.errors import BotError
from bot.planning.obstacles import check_dump, check_subscriptions, describe_obstacles
from bot.planning.refusals import check_loader, check_second_database
from bot.views.plans import changes

ANCHORED_WITHIN = timedelta(minutes=5)
_OUT = Console()


def serve(config: Config, *, listen: bool) -> int:
    """Run a replica until SIGTERM or SIGINT."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with assemble(config) as parts:
        service = Service(config, parts, listen=listen)
        service.start()
        ended.wait()
        service.stop()
    return 0


def plan(config: Config, environment: str, migration: str, app: str) -> int:
    """Show a plan; changes nothing, because the chain runs on a shadow that is dropped."""
    asked_for = f"plan {environment} {migration}"
    request = OpenRollback(environment, migration, app, "", asked_for)
    with assemble(config) as parts:
        made = preview(parts.services, read_plan_request(parts.services, request), f"cli{os.getpid()}")
        _print_plan(narrow(made, ChainPlan))
    return 0


def _print_plan(made: ChainPlan) -> None:
    _OUT.print(f"{made.environment}: schema {label(made.from_schema)} → {label(made.to_schema)}")
    _OUT.print(f"app {made.from_app} → {made.to_app}" if made.changes_app else f"app stays {made.from_app}")
    dropped = Table("goes", "kind", "by")
    for drop in made.drops:
        if not drop.part_of:
            dropped.add_row(drop.identity, drop.kind, "a script" if drop.named else "CASCADE")
    _OUT.print(dropped)
    different = Table("comes, changes, is renamed", "kind", "how")
    for rename in made.renames:
        different.add_row(rename.identity, rename.kind, f"renamed to {rename.to}")
    for change in changes.wholes(made.changes or ()):
        different.add_row(change.identity, change.kind, f"{change.how}: {', '.join(change.words)}".removesuffix(": "))
    _OUT.print(different)
    rows = Table("rows saved, then gone", "rows", "bytes", "because")
    for row in made.rows:
        rows.add_row(row.table, f"{row.rows:,}", f"{row.size_bytes:,}", row.reason)
    _OUT.print(rows)
    for script in made.proven.unproven if made.proven else ():
        _OUT.print(f"never proven by a drill: {script.name}")
    for warning in made.warnings:
        _OUT.print(f"warning: {warning}")
    _OUT.print(f"about {made.estimate.total_s:.0f} s, the app down for about {made.estimate.downtime_s:.0f} s of it")
    _OUT.print(f"digest {made.short_digest}")


def status(config: Config) -> int:
    """List current and recent runs."""
    with assemble(config) as parts:
        table = Table("run", "environment", "state", "asked for", "by", "at")
        for run in parts.services.journal.runs.newest():
            at = f"{run.created_at:%Y-%m-%d %H:%M}"
            table.add_row(run.id, run.environment, run.state.value, run.plan.asked_for, run.requester, at)
        _OUT.print(table)
    return 0


def adopt(config: Config, run_id: str, *, confirmed: bool) -> int:
    """Show what vouching for a run would mean, and sign it once that is confirmed."""
    with assemble(config) as parts:
        found = prepare_to_adopt(parts.services, run_id)
        for line in found.describe():
            _OUT.print(line)
        if confirmed:
            adopt_run(parts.services, found, f"cli:{getpass.getuser()}")
            _OUT.print(f"✓ signed. /rollback resume {run_id} lets it go on if it is parked.")
        else:
            _OUT.print("Nothing was signed. If all of that is so, add --yes.")
    return 0


def doctor(config: Config) -> int:
    """Try every connection and permission; return 1 when something is missing."""
    with assemble(config) as parts:
        channels = dict.fromkeys(item.incident_channel for item in config.environments.values())
        allowed = config.slack.allow_shared_channels
        problems, remarks = examine(parts.services, parts.tools.check_version)
        for weakness in roles.look(config.state_dsn.get_secret_value()).weaknesses:
            remarks.append(f"state database: {weakness}")
        anchoring, about = examine_anchors(parts.services)
        problems, remarks = problems + anchoring, remarks + about
        problems += [f"Slack: {missing}" for missing in parts.chat.missing(config.slack.team_id, channels, allowed)]
    for remark in remarks:
        _OUT.print(f"· {remark}")
    for problem in problems:
        _OUT.print(f"✗ {problem}")
    if not problems:
        _OUT.print(
            "✓ Slack, state database, down scripts, and every environment's database, client tools, cluster and bucket"
        )
    return 1 if problems else 0


def examine(services: Services, check_tools: Callable[[int], None]) -> tuple[list[str], list[str]]:
    """Try everything a run needs; return what is missing, and what is worth a look, one sentence each.

    `check_tools` raises where the client tools do not fit a server of that `server_version_num`.
    """
    found = _Findings(check_tools)
    found.attempt("", lambda: found.problems.extend(map(str, services.scripts.faults())))
    for name, env in services.envs.items():
        found.attempt(f"{name}: ", partial(_examine_database, found, name, env))
        found.attempt(f"{name}: ", partial(_examine_cluster, found, name, env))
        found.attempt(f"{name}: ", env.store.list_backups)
    return found.problems, found.remarks


def examine_anchors(services: Services) -> tuple[list[str], list[str]]:
    """Compare the audit log's head with its newest anchor; return what is wrong, and what is worth a look."""
    standing = services.witness.examine()
    problems = [f"audit log: {standing.contradiction} Run backstop audit verify."] if standing.contradiction else []
    if standing.problem:
        problems.append(f"audit log: its anchors in {services.witness.store.place} cannot be read ({standing.problem})")
    elif standing.since is not None and services.clock.now() - standing.since > ANCHORED_WITHIN:
        problems.append(f"audit log: nothing was anchored since {standing.since:%Y-%m-%d %H:%M} UTC")
    weakness = "" if standing.problem else services.witness.store.weakness()
    return problems, [f"audit log: {weakness}"] if weakness else []


class _Findings:
    """The findings so far, and the environment of each workload's uid."""

    def __init__(self, check_tools: Callable[[int], None]) -> None:
        self.check_tools = check_tools
        self.problems: list[str] = []
        self.remarks: list[str] = []
        self.places: dict[str, str] = {}

    def attempt(self, prefix: str, act: Callable[[], object]) -> None:
        try:
            act()
        except BotError as error:
            self.problems.append(f"{prefix}{error}")


def _examine_database(found: _Findings, name: str, env: EnvironmentServices) -> None:
    facts = env.database.inspect()
    found.attempt(f"{name}: ", partial(found.check_tools, facts.server_version))
    if not facts.can_take_exclusive_access:
        found.problems.append(f"{name}: the database role must own the database and be in pg_signal_backend")
    found.attempt(f"{name}: ", partial(check_second_database, name, facts))
    found.attempt(f"{name}: ", facts.require_read)
    found.attempt(f"{name}: ", partial(_prove_loader, found, name, env, facts))
    found.attempt(f"{name}: ", partial(_look_for_obstacles, found, name, env, facts))
    if facts.can_create and facts.can_take_exclusive_access and not facts.unread:
        found.attempt(f"{name}: ", partial(_try_rehearsal, found, name, env, facts))


def _look_for_obstacles(found: _Findings, name: str, env: EnvironmentServices, facts: DatabaseFacts) -> None:
    seen = env.database.obstacles()
    found.attempt(f"{name}: ", partial(check_dump, name, facts.role, seen))
    if not facts.is_superuser:
        found.attempt(f"{name}: ", partial(check_subscriptions, seen))
    found.remarks.extend(f"{name}: {line}" for line in describe_obstacles(facts.name, facts.role, seen))


def _try_rehearsal(found: _Findings, name: str, env: EnvironmentServices, facts: DatabaseFacts) -> None:
    """Rehearse a chain of no scripts: the rights that it takes are those of any other."""
    with env.database.shadow("doctor") as shadow:
        shadow.rehearse((), frozenset(migration.version for migration in facts.applied))
        found.remarks.extend(f"{name}: {line}" for line in shadow.gaps())


def _prove_loader(found: _Findings, name: str, env: EnvironmentServices, facts: DatabaseFacts) -> None:
    check_loader(name, facts.loader)
    found.remarks.extend(f"{name}: {line}" for line in env.sides.prove_loader())


def _examine_cluster(found: _Findings, name: str, env: EnvironmentServices) -> None:
    for item in (facts := env.cluster.inspect()).deployments + facts.services:
        other = found.places.setdefault(item.uid, name)
        if other != name:
            found.problems.append(f"{name}: {item.name} belongs to {other}, too; a run there would stop it here")
    found.problems.extend(
        f"{name}: the cluster account is not allowed to {right}" for right in env.cluster.missing_rights()
    )
    selector = env.environment.workloads.database_pods
    pods = sorted(env.cluster.database_logs(1)) if selector else []
    if selector:
        seen = ", ".join(pods) if pods else "none, so no log of the server is shown when a run needs people"
        found.remarks.append(f"{name}: pods of the database ({selector}): {seen}")


def sign(config: Config, kind: str, environment: str, subject: str) -> int:
    """Sign a bundle, or the saved rows of a run, that the operator vouches for; the audit log names who that was."""
    adopt = adopt_bundle if kind == "bundles" else adopt_export
    with assemble(config) as parts:
        # By number where there is no name: in a container there may be none.
        actor = f"{getpass.getuser() if 'USER' in os.environ else os.getuid()}@{socket.gethostname()}"
        _OUT.print(f"✓ {adopt(parts.services, environment, subject, actor)}")
    return 0

"""Requests about backups, and answers to them."""

from datetime import timedelta

from bot.domain.backups import Backup, BackupName, Manifest, StoredObject, TableContent
from bot.domain.jobs import Job
from bot.domain.signing import SignatureState
from bot.engine.maintenance.sweeper import REQUEST_AGE_S
from bot.ports import Request
from tests.engine.story import Story
from tests.fakes.clock import NOON
from tests.fakes.directory import ONCALL
from tests.fakes.process import Process
from tests.fakes.world import World

TABLES = (TableContent("public.patients", 1000, "77"), TableContent("public.settings", 5, "8"))


def made(days_old: int, label: str = "nightly", *, manifest: bool = True) -> Backup:
    at = NOON - timedelta(days=days_old)
    name = BackupName("prod", label, at)
    said = Manifest(1, str(name), "prod", label, at, "v1.3.0", 27, 180006, "18.6", (), TABLES)
    stored = StoredObject(f"{name}.tar.gz", 1000, sha256="ab" * 32)
    return Backup(name, stored, said, signature=SignatureState.VALID) if manifest else Backup(name, stored)


def take(world: World, label: str = "before-launch", user: str = ONCALL) -> Request:
    return world.request("take", user, environment="prod", label=label)


def verify(world: World, name: str = "latest", level: int = 2) -> Request:
    return world.request("verify", environment="prod", name=name, level=level)


def job(world: World, request: Request) -> Job:
    """As the incident channel shows it in the end."""
    return world.announcer.jobs[request.id][-1]


def refused(world: World, request: Request) -> str:
    return world.announcer.refusals[request.id][1].reference


def _call_of(world: World, name: str, *, fresh: bool = True) -> int:
    """Which call of a process that takes a backup that is; not `fresh`: in a sweep, without the submission."""
    probe = Story(World(world.scratch))
    request = take(probe.world)
    if fresh:
        probe.do(request)
    else:
        probe.world.submit(Process("other"), request)
        probe.world.queue.requests.clear()
        probe.world.clock.sleep(REQUEST_AGE_S + 1)
        probe.sweep()
    return probe.process.calls.index(name) + 1

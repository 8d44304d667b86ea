"""Proofs of drills, and demands for them."""

from bot.domain.drills import ScriptProof
from tests.drills import drill_of
from tests.fakes.world import World

DAY_S = 86_400


def prove(world: World, days: float = 3, version: int = 27) -> None:
    sha256 = world.scripts.load()[version].sha256
    world.drills.proofs.append(ScriptProof(version, sha256, drill_of(days).due_at, "dabcde", reversible=True))


def refused(world: World) -> list[str]:
    return [error.reference for _, error in world.announcer.refusals.values()]

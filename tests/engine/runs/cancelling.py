"""Cancels a run at any call of its process."""

from bot.engine.operations import Operations
from bot.ports import Request
from tests.fakes.directory import ONCALL
from tests.fakes.process import Process
from tests.fakes.world import World


def cancel_from_elsewhere(world: World, user: str = ONCALL) -> None:
    """Somebody cancels; another replica deals with it."""
    handle_elsewhere(world, world.request("cancel", user, run_id=world.run().id))


def handle_elsewhere(world: World, request: Request) -> None:
    other = Process("other")
    world.submit(other, request)
    world.queue.requests.remove(request.id)
    Operations(world.services(other)).handle(request.id)

"""Refusals of requests."""

from tests.fakes.world import World


def refused(world: World) -> list[str]:
    return [error.reference for _, error in world.announcer.refusals.values()]


QUESTIONS = (
    ("status", {"environment": ""}),
    ("migrations", {"environment": "prod"}),
    ("backups", {"environment": "prod", "text": "", "offset": 0, "replace": False}),
    ("show", {"environment": "prod", "name": "latest"}),
    ("drill-list", {"environment": ""}),
    ("drill-show", {"drill_id": "dabcde"}),
    ("drill-report", {"environment": ""}),
)

"""An alarm is one message an hour, where the people are."""

from bot.engine.alarms import raise_alarm
from tests.fakes.process import Process
from tests.fakes.world import World


def test_alarms_of_an_hour_are_one_message(world: World) -> None:
    services = world.services(Process("first"))
    for number in range(3):
        raise_alarm(services, "forged-request", f"Row {number}.")
    assert world.announcer.alarms == {("prod", "forged-request:2026030112"): "forged-request: Row 2."}
    world.clock.sleep(3600)
    raise_alarm(services, "forged-request", "Row 4.", "unheard-of")
    assert len(world.announcer.alarms) == 2

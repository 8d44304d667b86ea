"""Schedules drills in a tick on every replica every few seconds; the journal keeps it idempotent.

What is due gets a row. A row that is not announced yet is announced; one whose time has come gets a request, as if a
person had made it. An end is reported, then noted as reported: a process that dies in between leaves it to the next
tick, which reports the same in the same message.
"""

import itertools
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from bot.domain.drills import OUTDATED_AFTER, Drill, DrillState, Schedule, drill_id_of
from bot.engine.context import Services
from bot.engine.drills.alerts import watch
from bot.engine.drills.start import hindrance, order, within_s
from bot.errors import BotError
from bot.planning.schedule import Act, Situation, act_on, overtaken, why_missed

TICK_EVERY_S = 5.0
MAX_DUES = 1000
"""As many as the calendar returns at once."""
_MOMENT = timedelta(microseconds=1)
_GONE = "Its schedule is no longer in the configuration."
_CHANGED = "Its schedule has changed, and it is no longer due."
_log = logging.getLogger(__name__)


def tick(services: Services) -> bool:
    """Do everything that is due now; False when some of it failed."""
    return _Tick(services, services.clock.now()).run()


class _Tick:
    """One look at everything, at one moment.

    Attributes:
        in_force: the schedules that no newer configuration has replaced, by name.
        outdated: whether there is such a newer one: others know better what has been dealt with.
    """

    def __init__(self, services: Services, now: datetime) -> None:
        self._services = services
        self._book = services.drills
        self._now = now
        self.in_force: dict[str, Schedule] = {}
        self.outdated = False

    def run(self) -> bool:
        """One part that fails, or one schedule, does not keep the others from being looked after."""
        planned = [_attempt(schedule.name, self._planner(schedule)) for schedule in self._services.schedules]
        parts = (self._drop, self._tend, self._tell, lambda: watch(self._services, self._now))
        done = all([*planned, *(_attempt("the drills", part) for part in parts)])
        if done and not self.outdated:
            done = _attempt("the beat", lambda: self._book.beat(self._now))
        return done

    def _planner(self, schedule: Schedule) -> Callable[[], bool]:
        return lambda: self._plan(schedule)

    def _plan(self, schedule: Schedule) -> bool:
        """Give a row to whatever is due by now, or soon enough to be announced; False when there is more of it."""
        listed = self._book.enlist(schedule.name, schedule.fingerprint, self._now)
        if listed is None:
            self.outdated = True
            return True
        self.in_force[schedule.name] = schedule
        until = self._now + timedelta(seconds=schedule.announce_before_s)
        dues = self._services.calendar.due_between(schedule, listed.planned_to, until)
        for due in dues:
            self._enter(schedule, due)
        if dues:
            self._book.advance(schedule.name, schedule.fingerprint, dues[-1])
        return len(dues) < MAX_DUES

    def _enter(self, schedule: Schedule, due: datetime) -> None:
        """Give it a row, unless it has one. Ids are short: where another drill has the same, it gets the next."""
        for salt in itertools.count():
            drill = self._build_drill(schedule, due, salt)
            if self._book.plan(drill):
                return
            other = self._book.drill(drill.id)
            if other is None or (other.schedule, other.due_at) == (drill.schedule, drill.due_at):
                return

    def _build_drill(self, schedule: Schedule, due: datetime, salt: int) -> Drill:
        calendar = self._services.calendar
        start = due + timedelta(seconds=calendar.jitter_s(schedule, due))
        if schedule.rests_on(calendar.wall(schedule, start).date()):
            start = due
        drill_id = drill_id_of(schedule.name, due.isoformat(), salt)
        return Drill(drill_id, schedule.name, schedule.environment, schedule.kind, schedule.source, due, start)

    def _drop(self) -> None:
        """Skip planned drills that the configuration no longer asks for."""
        live = self._book.listed(self._now - OUTDATED_AFTER)
        for drill in self._book.open_drills():
            if drill.state is not DrillState.PLANNED or not drill.schedule:
                continue
            schedule = self.in_force.get(drill.schedule)
            if schedule is None and drill.schedule not in live:
                self._book.close(drill.id, DrillState.SKIPPED, _GONE)
            elif schedule is not None and not self._is_due(schedule, drill):
                self._book.close(drill.id, DrillState.SKIPPED, _CHANGED)

    def _is_due(self, schedule: Schedule, drill: Drill) -> bool:
        same = (schedule.environment, schedule.kind, schedule.source) == (
            drill.environment,
            drill.kind,
            drill.bundle_of,
        )
        due = self._services.calendar.due_between(schedule, drill.due_at - _MOMENT, drill.due_at)
        return same and bool(due)

    def _tend(self) -> None:
        """Announce, start, or give up what is planned."""
        drills = [drill for drill in self._book.open_drills() if drill.state is DrillState.PLANNED]
        ours = [drill for drill in drills if not drill.schedule or drill.schedule in self.in_force]
        late, last_beat, missed = overtaken(ours, self._now), self._book.last_beat(), {}
        for drill in ours:
            waits = hindrance(self._services, drill) if drill.start_at <= self._now else ""
            situation = Situation(self._now, waits, drill.id in late, last_beat)
            within = within_s(self._services, drill)
            act = act_on(drill, within, situation)
            if act is Act.MISS:
                missed[drill.id] = why_missed(drill, within, situation)
            else:
                self._forward(drill, act, waits)
        self._book.miss(missed)

    def _forward(self, drill: Drill, act: Act, waits: str) -> None:
        if drill.announced_at is None:
            announce(self._services, drill.id)
        if act is Act.WAIT:
            self._services.drill_announcer.drill_waits(drill, waits)
        elif act is Act.START and drill.environment in self._services.envs:
            order(self._services, drill)

    def _tell(self) -> None:
        """Tell how drills have ended: each in its own message, those that were missed at one moment in one together."""
        ended = self._book.untold()
        for drill in ended:
            if drill.state is not DrillState.MISSED or drill.announced_at is not None:
                self._services.drill_announcer.drill(drill)
        for together in _missed_together(ended):
            self._services.drill_announcer.drills_missed(together)
        if ended:
            self._book.note_reported([drill.id for drill in ended])


def announce(services: Services, drill_id: str) -> None:
    """Tell people that it is planned, then note that they know."""
    show_drill(services, drill_id)
    services.drills.note_announced(drill_id)


def show_drill(services: Services, drill_id: str) -> None:
    """Show a drill as it is, and again if it has changed meanwhile: an older state must not be the last message."""
    shown, now = None, services.drills.drill(drill_id)
    while now is not None and now != shown:
        services.drill_announcer.drill(now)
        shown, now = now, services.drills.drill(drill_id)


def _missed_together(ended: Sequence[Drill]) -> list[list[Drill]]:
    groups: dict[tuple[str, str, datetime | None], list[Drill]] = {}
    for drill in ended:
        if drill.state is DrillState.MISSED:
            groups.setdefault((drill.schedule, drill.environment, drill.ended_at), []).append(drill)
    return list(groups.values())


def _attempt(what: str, act: Callable[[], bool | None]) -> bool:
    try:
        return act() is not False
    except BotError as error:
        _log.warning("scheduling %s: %s", what, error.reference)
    except Exception:  # noqa: BLE001 -- one schedule's bug must not silence the others; the metric tells
        _log.exception("scheduling %s", what)
    return False

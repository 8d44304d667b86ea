"""One process's hold on a drill: its checklist in the book, its message, its scratch directories."""

import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import stamina

from bot.domain.backups import Backup
from bot.domain.drills import Drill
from bot.domain.runs import Progress, Step, StepState
from bot.engine.context import EnvironmentServices, Services
from bot.engine.runs.execution import JOURNAL_PATIENCE_S
from bot.engine.runs.interrupts import OwnershipLostError
from bot.errors import BotError, PermanentError, TemporaryError
from bot.ports import FetchedBundle, Report, Sides

SHOW_EVERY_S = 1.0
BACKUP = "backup"
"""Key, in the data of the step that chose or took it, of the name of the bundle that is practised on."""
OBJECT = "object"
"""The same, of what tells its object from another under that name."""
_ENDED = frozenset({StepState.DONE, StepState.FAILED, StepState.SKIPPED})
_log = logging.getLogger(__name__)
T = TypeVar("T")


class DrillExecution:
    """The drill while this process owns it. Whoever takes it up later has a higher fence, and this one is refused."""

    def __init__(self, services: Services, drill: Drill) -> None:
        self.services = services
        self.drill = drill
        self.bundle: FetchedBundle | None = None
        self._shown_at = services.clock.monotonic() - SHOW_EVERY_S

    @property
    def env(self) -> EnvironmentServices:
        """Where it runs."""
        return self.services.env(self.drill.environment)

    @property
    def source(self) -> EnvironmentServices:
        """Whose bundle it uses. Of that environment, nothing but the bucket is touched."""
        return self.services.env(self.drill.bundle_of)

    @property
    def sides(self) -> Sides:
        """Databases beside the one of the environment it runs in."""
        return self.env.sides

    def data(self, key: str) -> Mapping[str, Any]:
        """What a step remembers."""
        return self.drill.step(key).data

    def is_done(self, key: str) -> bool:
        """Whether a step has ended well."""
        return self.drill.step(key).state is StepState.DONE

    def record(self, key: str, state: StepState, detail: str = "", data: Mapping[str, Any] | None = None) -> None:
        """Note a step's state, and show it. `data` None leaves it as it is.

        Raises:
            OwnershipLostError: another process has the drill, or the book stays away.
        """
        step, now = self.drill.step(key), self.services.clock.now()
        begins = state is StepState.RUNNING
        self._put(
            replace(
                step,
                state=state,
                detail=detail,
                data=step.data if data is None else dict(data),
                progress=None,
                attempts=step.attempts + begins,
                started_at=now if begins else step.started_at,
                ended_at=now if state in _ENDED else None,
            )
        )
        self.show()

    def remember(self, key: str, data: Mapping[str, Any]) -> None:
        """Keep something with a step that goes on.

        Raises:
            OwnershipLostError: see `record`.
        """
        self._put(replace(self.drill.step(key), data=dict(data)))

    def must_own(self, key: str) -> None:
        """Write a step as it is: whoever was replaced is refused before it touches what its successor works on.

        Raises:
            OwnershipLostError: see `record`.
        """
        self._put(self.drill.step(key))

    def tell(self, key: str, detail: str, progress: Progress | None = None) -> None:
        """Show how far a step is, where that is news; what cannot be shown stops nothing.

        Raises:
            OwnershipLostError: another process has the drill.
        """
        step = self.drill.step(key)
        if (step.detail, step.progress) == (detail, progress):
            return
        try:
            self._record(replace(step, detail=detail, progress=progress))
            self.services.drill_announcer.drill(self.drill)
        except TemporaryError as error:
            _log.warning("drill %s cannot be shown: %s", self.drill.id, error.reference)

    def reporter(self, key: str) -> Report:
        """Take a long step's progress, show it once a second, and stop the step when the drill is not ours any more."""

        def report(progress: Progress) -> None:
            now = self.services.clock.monotonic()
            if now - self._shown_at >= SHOW_EVERY_S:
                self._shown_at = now
                self.tell(key, self.drill.step(key).detail, progress)

        return report

    def show(self) -> None:
        """Wish for a current message, waiting for the outbox if need be.

        Raises:
            OwnershipLostError: the outbox stays away.
        """
        self.insist(self._announce)

    def _announce(self) -> None:
        try:
            self.services.drill_announcer.drill(self.drill)
        except TemporaryError:
            raise
        except Exception:  # noqa: BLE001 -- a message that cannot be made must not stop a drill half-way
            _log.exception("drill %s: its message could not be made", self.drill.id)

    def insist(self, do: Callable[[], T]) -> T:
        """Do something with the state database, waiting for it if need be: its trouble is no step's failure.

        Raises:
            OwnershipLostError: another process has the drill, or the state database stays away.
        """
        try:
            return patiently(do)
        except BotError as error:
            raise OwnershipLostError(error.reference) from error

    def audit(self, event: str, **details: object) -> None:
        """Append to the audit log in the name of the bot.

        Raises:
            OwnershipLostError: the journal stays away.
        """
        about = {"drill": self.drill.id, "environment": self.drill.environment, **details}
        self.insist(lambda: self.services.journal.audit.append("", "backstop", event, about))

    def _put(self, step: Step) -> None:
        self.insist(lambda: self._record(step))

    def _record(self, step: Step) -> None:
        try:
            self.services.drills.record(self.drill.id, self.drill.fence, step)
        except PermanentError as error:
            raise OwnershipLostError(error.reference) from error
        steps = tuple(step if known.key == step.key else known for known in self.drill.steps)
        self.drill = replace(self.drill, steps=steps)

    def scratch(self) -> Path:
        """Make a directory of this process's own: a predecessor that only seems dead writes into another one."""
        self.services.scratch_dir.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self.services.scratch_dir, prefix=self._prefix))

    def clear_scratch(self) -> None:
        """Delete what the drill has downloaded, whichever process did."""
        self.bundle = None
        for left in self.services.scratch_dir.glob(f"{self._prefix}*"):
            shutil.rmtree(left, ignore_errors=True)

    @property
    def _prefix(self) -> str:
        return f"backstop-drill-{self.drill.id}-"

    def backup(self) -> Backup:
        """Find the bundle that is practised on, as it was when it was chosen or taken.

        Raises:
            PermanentError: ``backup-changed``.
        """
        step = next(step for step in self.drill.steps if BACKUP in step.data)
        name = str(step.data[BACKUP])
        found = self.source.store.find(name)
        if found is None or object_of(found) != step.data[OBJECT]:
            raise PermanentError(
                "backup-changed",
                f"{name} is no longer the object this drill began with{'' if found else ': it is gone'}.",
                f"/backups {self.drill.bundle_of} lists what there is.",
            )
        return found


def object_of(backup: Backup) -> list[str]:
    """What tells a bundle's object from another that took its name."""
    stored = backup.stored
    return [stored.key, stored.version_id, stored.sha256, *([stored.etag] if stored.etag else [])]


@stamina.retry(on=TemporaryError, attempts=None, timeout=JOURNAL_PATIENCE_S, wait_max=2.0)
def patiently(do: Callable[[], T]) -> T:
    """Do something with the state database, waiting for it if need be.

    Raises:
        BotError: it refuses, or stays away for a minute.
    """
    return do()

"""Holds a drill for this process, and defines what its steps can do."""

import shutil
import tempfile
from pathlib import Path

from bot.domain.backups import Backup
from bot.domain.drills import Drill
from bot.domain.runs import Progress, Step, StepState
from bot.engine.context import EnvironmentServices, Services
from bot.engine.runs.step_execution import StepExecution
from bot.engine.runs.step_machine import MachineStep
from bot.errors import PermanentError
from bot.ports import FetchedBundle, Sides

BACKUP = "backup"
"""Key, in the data of the step that chose or took it, of the name of the bundle that is practised on."""
OBJECT = "object"
"""The same, of the identity of its object in the bucket."""


class DrillExecution(StepExecution):
    """A drill while this process owns it."""

    max_owners = 5

    def __init__(self, services: Services, drill: Drill) -> None:
        super().__init__(services, drill.lease)
        self.drill = drill
        self.bundle: FetchedBundle | None = None

    @property
    def env(self) -> EnvironmentServices:
        """The environment it runs in."""
        return self.services.env(self.drill.environment)

    @property
    def source(self) -> EnvironmentServices:
        """The environment whose bundle it uses. Of that one, nothing but the bucket is touched."""
        return self.services.env(self.drill.bundle_of)

    @property
    def sides(self) -> Sides:
        """Databases beside the one of the environment it runs in."""
        return self.env.sides

    @property
    def steps(self) -> tuple[Step, ...]:
        """The checklist as it was read last."""
        return self.drill.steps

    def is_done(self, key: str) -> bool:
        """Tell if a step has succeeded."""
        return self.drill.step(key).state is StepState.DONE

    def reload(self) -> None:
        """Read the drill again."""
        self.drill = self.services.drills.drill(self.drill.id) or self.drill

    def announce(self) -> None:
        """Request a current message."""
        self.services.drill_announcer.drill(self.drill)

    def tell(self, key: str, detail: str | None, progress: Progress | None) -> None:
        """Show how far a step is, where that is news.

        Raises:
            OwnershipLostError: another process has the drill.
        """
        step = self.drill.step(key)
        if (step.detail if detail is None else detail, progress) != (step.detail, step.progress):
            super().tell(key, detail, progress)

    def audit(self, event: str, **details: object) -> None:
        """Append to the audit log in the name of the bot.

        Raises:
            OwnershipLostError: the journal stays away.
        """
        about = {"drill": self.drill.id, "environment": self.drill.environment, **details}
        self.insist(lambda: self.services.journal.audit.append("", "backstop", event, about))

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
        if found is None or identify(found) != step.data[OBJECT]:
            raise PermanentError(
                "backup-changed",
                f"{name} is no longer the object this drill began with{'' if found else ': it is gone'}.",
                f"/backups {self.drill.bundle_of} lists what there is.",
            )
        return found


class DrillStep(MachineStep[DrillExecution]):
    """A step of a drill.

    Attributes:
        title: in the checklist.
        needs: keys of the steps without which it makes no sense. It is done even where others have failed; None: it is
            done only where nothing has.
    """

    tries = 3
    first_wait_s = 1.0
    title: str
    needs: tuple[str, ...] | None = None


def identify(backup: Backup) -> list[str]:
    """Identify a bundle's object, so that another one under its name is not taken for it."""
    stored = backup.stored
    return [stored.key, stored.version_id, stored.sha256, *([stored.etag] if stored.etag else [])]

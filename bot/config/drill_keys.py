"""The keys of drills, and of what restores should keep to."""

from typing import Annotated, Literal

from pydantic import Field

from bot.config import rules
from bot.config.rules import within
from bot.config.table import Keys


class DrillKeys(Keys):
    """``[[drills]]``."""

    name: rules.DrillName | None = Field(default=None, description="name it, or leave it out for ENVIRONMENT-KIND")
    environment: str = Field(description="name an environment that is not production")
    kind: Literal["restore", "migration", "bundle"] = Field(description="say what to practise")
    cron: rules.Cron = Field(description="say when: minute, hour, day of month, month, weekday")
    timezone: rules.TimeZone = Field(default="UTC", description="say whose clock that is")
    bundle_of: str | None = Field(default=None, description="name the environment whose bundles are loaded")
    jitter_s: Annotated[int, within(0, 86_400)] = Field(
        default=0, description="set by how many seconds its start may vary"
    )
    blackout: list[rules.Days] = Field(default=[], description="list the days on which none starts")
    announce_before_s: Annotated[int, within(0, 2_592_000)] = Field(
        default=0, description="set how many seconds ahead to say so"
    )
    start_within_s: Annotated[int, within(1, 604_800)] = Field(
        default=3600, description="set how many seconds late it may start"
    )
    overdue_after_s: rules.Seconds | None = Field(
        default=None, description="set how many seconds the last pass may be old"
    )

    @property
    def full_name(self) -> str:
        """Its name, given or not."""
        return self.name or f"{self.environment}-{self.kind}"


class TargetKeys(Keys):
    """``environments.NAME.targets``: what restores should keep to. They are shown, and stop nothing."""

    restore_s: rules.Seconds | None = Field(default=None, description="set how many seconds a restore may take")
    data_loss_s: rules.Seconds | None = Field(
        default=None, description="set how many seconds old the newest backup may be"
    )

"""``environments.NAME.targets``: what restores should keep to. They are shown, and stop nothing."""

from pydantic import BaseModel, ConfigDict, Field

from bot.config import rules


class TargetKeys(BaseModel):
    """``environments.NAME.targets``."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)

    restore_s: rules.Seconds | None = Field(default=None, description="set how many seconds a restore may take")
    data_loss_s: rules.Seconds | None = Field(
        default=None, description="set how many seconds old the newest backup may be"
    )

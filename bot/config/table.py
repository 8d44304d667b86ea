"""What every table of ``backstop.toml`` has in common."""

from pydantic import BaseModel, ConfigDict


class Keys(BaseModel):
    """A table of the file: nothing unknown, nothing converted, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)

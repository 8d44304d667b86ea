"""Reads secrets from the variables and files that ``backstop.toml`` names; no message here shows a value."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    model_validator,
)

from bot.config.dsn import parse_dsn
from bot.domain.signing import Keyring

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WRONG_TOKEN = {"bot_token": ("xapp-", "an app-level token"), "app_token": ("xoxb-", "a bot token")}


@dataclass(frozen=True)
class Surroundings:
    """The context of validation: what it reads besides the file itself."""

    environ: Mapping[str, str] = field(repr=False)


class Secret:
    """A secret of a table: its value is at the place that the key ``x_env`` or ``x_file`` names; None without any."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, table: "Keys", owner: type) -> SecretStr | None:
        return table.secrets.get(self._name)


class NeededSecret(Secret):
    """A secret without which the table is not valid."""

    def __get__(self, table: "Keys", owner: type) -> SecretStr:
        return table.secrets[self._name]


class Keys(BaseModel):
    """A table of the file. Nothing unknown is accepted, nothing converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True, ignored_types=(Secret,))
    _secrets: dict[str, SecretStr] = PrivateAttr(default_factory=dict)

    @property
    def secrets(self) -> Mapping[str, SecretStr]:
        """The secrets of this table, by their keys without ``_env`` and ``_file``."""
        return self._secrets

    @model_validator(mode="after")
    def _read_secrets(self, info: ValidationInfo) -> Self:
        for key in type(self).model_fields:
            name, value = key.removesuffix("_env"), getattr(self, key)
            file = getattr(self, f"{name}_file", None)
            if name == key or (value is None and file is None):
                continue
            text = surroundings(info).environ[value] if file is None else file.read_text()
            self._secrets[name] = SecretStr(text.strip())
        return self


def one_place(
    default: str | None = None, needed: Callable[[Mapping[str, Any]], bool] = lambda _: True
) -> BeforeValidator:
    """Make a rule for an ``x_env`` key that follows its ``x_file`` key: one of the two, or the default variable.

    `needed` tells whether the secret is required, from the keys before it in its table.
    """

    def check(variable: Any, info: ValidationInfo) -> Any:
        name = (info.field_name or "").removesuffix("_env")
        file_key, file = f"{name}_file", info.data.get(f"{name}_file")
        if variable is not None and file is not None:
            raise ValueError(f"{file_key} is given too — keep one of the two")
        if variable is not None or file is not None or file_key not in info.data:
            return variable
        if not needed(info.data):
            return None
        if default is None:
            raise ValueError(f"is missing — name a variable here, or a file by {file_key}")
        return default

    return BeforeValidator(check)


def check_variable(variable: str, info: ValidationInfo) -> str:
    """Check that the text names a variable that is set, and that its value fits the key."""
    if not _VARIABLE.fullmatch(variable):
        raise ValueError("must be the name of an environment variable — put the secret there, not in this file")
    value = surroundings(info).environ.get(variable, "").strip()
    if not value:
        raise ValueError(f"the environment variable {variable} is not set — set it before starting")
    _check_value(value, info, variable)
    return variable


def check_file(file: Path, info: ValidationInfo) -> Path:
    """Check that the file is readable and not empty, and that its content fits the key."""
    try:
        value = file.read_text().strip()
    except (OSError, ValueError):
        raise ValueError("must be the path of a readable file — mount the secret there") from None
    if not value:
        raise ValueError("the file is empty — put the secret in it")
    _check_value(value, info, "the file")
    return file


def surroundings(info: ValidationInfo) -> Surroundings:
    """Find the validation context that `bot.config.load` passed along."""
    if not isinstance(info.context, Surroundings):
        raise TypeError("validate with context=Surroundings(…)")
    return info.context


def _check_value(value: str, info: ValidationInfo, place: str) -> None:
    purpose = (info.field_name or "").removesuffix("_env").removesuffix("_file")
    if purpose == "dsn" and parse_dsn(value) is None:
        example = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        raise ValueError(f"{place} holds no connection string that names a database — write {example}")
    if purpose == "keys":
        try:
            Keyring.parse(value)
        except ValueError as error:
            raise ValueError(f"{place} holds no keyring: {error} — backstop key makes a key") from None
    prefix, other = _WRONG_TOKEN.get(purpose, ("\n", ""))
    if value.startswith(prefix):
        raise ValueError(f"{place} holds {other} — the two tokens are probably swapped")

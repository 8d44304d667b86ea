"""Matches app versions with the schema versions they can use."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

_APP = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
_PATTERN = re.compile(r"v(\d+)(?:\.(\d+))?\.x|v(\d+)\.(\d+)\.(\d+)")


UNKNOWN_SCHEMA = -1
"""The schema version of a database whose tracking table cannot be read; 0 is one without a migration."""


def label(schema: int) -> str:
    """Write a schema version as people do: 27 → ``027``."""
    return "unknown" if schema == UNKNOWN_SCHEMA else f"{schema:03d}"


@dataclass(frozen=True, order=True)
class AppVersion:
    """A released app version, ordered: v1.2.10 is newer than v1.2.9."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read ``v1.3.0`` or ``1.3.0``; None for anything else (a branch, a digest, ``latest``)."""
        match = _APP.fullmatch(text.strip())
        return cls(*map(int, match.groups())) if match else None

    @classmethod
    def of_image(cls, image: str) -> Self | None:
        """Read the tag of a container image, e.g. ``registry.example/api:v1.3.0@sha256:…``."""
        name = image.split("@", 1)[0].rsplit("/", 1)[-1]
        return cls.parse(name.partition(":")[2])

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True)
class CompatibilityRow:
    """One row of the matrix: app versions like ``v1.3.x`` can use schemas min…max (max None: the latest)."""

    app: str
    min_schema: int
    max_schema: int | None

    def names(self, version: AppVersion) -> bool:
        """Tell if this row is about that app version."""
        text = str(version)
        return text == self.app or (self.app.endswith(".x") and text.startswith(self.app[:-1]))

    def suits(self, schema: int) -> bool:
        """Tell if the row's app versions can use that schema."""
        return self.min_schema <= schema and (self.max_schema is None or schema <= self.max_schema)

    def __str__(self) -> str:
        top = "latest" if self.max_schema is None else label(self.max_schema)
        return f"{self.app} needs schema {label(self.min_schema)}–{top}"


def is_pattern(text: str) -> bool:
    """Tell if the text can stand in the matrix: ``v1.3.x``, ``v1.x`` or ``v1.3.0``."""
    return _PATTERN.fullmatch(text) is not None


@dataclass(frozen=True)
class Matrix:
    """The version compatibility matrix."""

    rows: tuple[CompatibilityRow, ...]

    def find_row(self, version: AppVersion) -> CompatibilityRow | None:
        """Find the row about an app version; None when the matrix does not know it."""
        return next((row for row in self.rows if row.names(version)), None)

    def suits(self, version: AppVersion, schema: int) -> bool:
        """Tell if that app version can use that schema; one that the matrix does not know cannot."""
        row = self.find_row(version)
        return row is not None and row.suits(schema)

    def rows_for(self, schema: int) -> Sequence[CompatibilityRow]:
        """List the rows whose apps can use the schema."""
        return [row for row in self.rows if row.suits(schema)]

    def newest_for(self, schema: int, candidates: Iterable[AppVersion]) -> AppVersion | None:
        """Pick the newest candidate that can use the schema; None when there is none."""
        return max((version for version in candidates if self.suits(version, schema)), default=None)

"""Checks the live schema for the columns and tables that each PhysioFlow version needs."""

import re
from dataclasses import dataclass
from typing import Any, Self

import psycopg
from psycopg import sql

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.\d+")


@dataclass(frozen=True)
class Needs:
    """A row of the compatibility matrix. `newest` is None for the versions that take any later schema."""

    major_minor: tuple[int, int]
    oldest: int
    newest: int | None
    query: sql.SQL

    @classmethod
    def of_image(cls, image: str) -> Self | None:
        """Find the row of an image by its tag; None for an unknown version."""
        found = _VERSION.fullmatch(read_tag(image))
        wanted = (int(found[1]), int(found[2])) if found else None
        return next((row for row in _MATRIX if row.major_minor == wanted), None)  # type: ignore[return-value] # no subclass

    def objection_to(self, schema: int) -> str:
        """Say why it cannot run on that schema; empty when it can."""
        span = f"{self.oldest:03d} to {self.newest:03d}" if self.newest else f"{self.oldest:03d} or later"
        if schema < self.oldest:
            return f"schema {schema:03d} is older than this version can use ({span})"
        if self.newest is not None and schema > self.newest:
            return f"schema {schema:03d} is newer than this version knows ({span})"
        return ""


_MATRIX = (
    Needs((1, 3), 27, None, sql.SQL("SELECT count(*) FROM feature_flags")),
    Needs((1, 2), 20, 26, sql.SQL("SELECT 1 FROM report_templates LIMIT 1")),
    Needs((1, 1), 15, 19, sql.SQL("SELECT 1 FROM audit_log LIMIT 1")),
    Needs((1, 0), 1, 14, sql.SQL("SELECT 1 FROM clinics LIMIT 1")),
)


@dataclass(frozen=True)
class Health:
    """Result of a health check; `reason` is empty when all is well, `schema` 0 when none could be read."""

    schema: int
    reason: str


def read_tag(image: str) -> str:
    """Read an image's tag, a digest left out."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def read_name(image: str) -> str:
    """Read an image's name: ``physioflow-api``."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def check_health(conn: psycopg.Connection[Any], needs: Needs) -> Health:
    """Check the applied migrations and run the version's own query; `conn` is in autocommit."""
    try:
        schema = read_schema(conn)
    except (psycopg.ProgrammingError, psycopg.DataError) as error:
        return Health(0, f"schema_migrations cannot be read: {say(error)}")
    reasons = [needs.objection_to(schema)]
    try:
        conn.execute(needs.query)
    except psycopg.ProgrammingError as error:
        reasons.append(say(error))
    return Health(schema, "; ".join(filter(None, reasons)))


def read_schema(conn: psycopg.Connection[Any]) -> int:
    """Read the newest applied migration, by the leading digits of `name`, or of `version` where there is no name."""
    cursor = conn.execute("SELECT * FROM schema_migrations")
    columns = [column.name for column in cursor.description or ()]
    place = columns.index("name" if "name" in columns else "version")
    found = (re.match(r"\d+", str(row[place])) for row in cursor)
    return max((int(number[0]) for number in found if number), default=0)


def say(error: psycopg.Error) -> str:
    """Write a server's error in its own words, without address or user."""
    return error.diag.message_primary or type(error).__name__

"""Loads named queries from ``.sql`` files.

A file's layout::

    -- name: accept
    -- Persist a request; no row when it is already there.
    INSERT INTO …;

Parameters are psycopg's, ``%(name)s``, so a literal per cent sign is written ``%%``.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import LiteralString

_HEADING = re.compile(r"^-- name:[ \t]*(.*)$", re.MULTILINE)
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class QueryFileError(ValueError):
    """A query file is malformed; the message names the file, the query and the fault."""


@cache
def load(package: str, file: str) -> Mapping[str, LiteralString]:
    """Read a package's query file into a mapping by name, without their descriptions and closing semicolons.

    Args:
        package: e.g. ``sql.journal``.
        file: e.g. ``queries.sql``.

    Raises:
        QueryFileError: a name is malformed or duplicate, a description or the SQL is missing.
    """
    text = (resources.files(package) / file).read_text(encoding="utf-8")
    _, *parts = _HEADING.split(text)
    queries: dict[str, LiteralString] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        fault = _fault(name, body) or ("it is there twice" if name in queries else "")
        if fault:
            raise QueryFileError(f"{package}/{file}, query {name!r}: {fault}")
        queries[name] = _statement(body)
    return MappingProxyType(queries)


def _fault(name: str, body: str) -> str:
    """Return the fault of a query; "" without one."""
    if not _NAME.fullmatch(name):
        return "a name is lower case, digits and underscores"
    if not body.lstrip().startswith("-- "):
        return "it has no description"
    if not _statement(body):
        return "it has no SQL"
    return ""


def _statement(body: str) -> LiteralString:
    """Strip the description, the comment lines at the top; later comments stay.

    The file ships with the code, so it is as trustworthy as a literal in it.
    """
    lines = body.strip().splitlines()
    while lines and lines[0].startswith("--"):
        lines.pop(0)
    return "\n".join(lines).strip().removesuffix(";").rstrip()

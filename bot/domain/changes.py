"""Describes what is new or another after a chain, in words; widened rights and added code stand out."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bot.domain.alarms import alarms_of, created_relations
from bot.domain.catalogue import DatabaseObject
from bot.domain.comparison import Comparison, Pair
from bot.domain.properties import (
    GRANTS,
    OWNER,
    Properties,
    added_grants,
    by_grantee,
    read_properties,
    short_hash,
    show_value,
)

NEVER_SHOWN = frozenset({"position", "trusted", "returns trigger", "type kind", "relation kind", "dependency"})
"""Properties that follow from others; a column's position changes when one before it goes."""
SECRETS = ("options",)
"""Ends of the names of properties whose values may be passwords."""
OTHER_ROWS = frozenset(
    {
        *("comment", GRANTS, "options", "row security", "forced row security", "replica identity", "persistence"),
        *("access method", "clustered", "values", "mappings", "constraints", "statistics targets"),
    }
)
"""Properties that are stored elsewhere than in the row whose version is read."""
NAME_PART = re.compile(r'"(?:[^"]|"")*"|[^".]+')
ARGUMENTS = re.compile(r'(?<=[^"])\(.*$|(?<=")\([^"]*$', re.DOTALL)
ANOTHER_COMMENT = "another comment"
FIRES = {"O": "fires", "D": "does not fire", "R": "fires for replication alone", "A": "always fires"}
ORDER = (
    *(
        "schema",
        "table",
        "table column",
        "view",
        "materialized view",
        "function",
        "procedure",
        "trigger",
        "rule",
        "policy",
    ),
    *("sequence", "type", "table constraint", "index"),
)


class How(StrEnum):
    """Says how an object differs."""

    CREATED = "created"
    CHANGED = "changed"
    FOLLOWS = "follows"
    """Only names within it have changed, or its place: it follows from what is listed elsewhere."""


@dataclass(frozen=True)
class ObjectChange:
    """An object that is new or another.

    Attributes:
        item: as it is afterwards.
        how: see `How`.
        words: each property that differs, e.g. ``PUBLIC may now SELECT``.
        alarms: sentences on rights that are widened and code that is added.
    """

    item: DatabaseObject
    how: How
    words: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()


def describe(comparison: Comparison) -> tuple[ObjectChange, ...]:
    """Describe everything that is new or another, alarms first, then in the order in which people feel it."""
    restarted, relations = set(comparison.restarted), created_relations(comparison)
    found = [_created(item, relations) for item in comparison.new]
    found += [
        _changed(pair, relations, renames=bool(comparison.renamed), restarted=pair[1] in restarted)
        for pair in comparison.kept
        if pair[0] != pair[1] or pair[1] in restarted
    ]
    return tuple(sorted(found, key=lambda change: (not change.alarms, rank(change.item), change.item)))


def rank(item: DatabaseObject) -> int:
    """Rank a kind of object by how soon people feel its change, the soonest first."""
    return ORDER.index(item.kind) if item.kind in ORDER else len(ORDER)


def _created(item: DatabaseObject, relations: frozenset[str]) -> ObjectChange:
    now = read_properties(item)
    words = [*_function_words(now), *(_new_words(item, now))]
    return ObjectChange(item, How.CREATED, tuple(words), tuple(alarms_of(None, item, relations)))


def _new_words(item: DatabaseObject, now: Properties) -> Iterator[str]:
    if item.kind == "table column" and now.get("type"):
        yield str(now["type"])
    yield from _grant_words([], [grant for grant in now.get(GRANTS) or [] if not grant.startswith(OWNER)])


def _changed(pair: Pair, relations: frozenset[str], *, renames: bool, restarted: bool) -> ObjectChange:
    was, now = pair
    words = list(_differences(was, now, renames=renames))
    if restarted:
        words.append("its next value is set")
    how = How.CHANGED if words else How.FOLLOWS
    alarms = tuple(alarms_of(was, now, relations)) if {*words} - {ANOTHER_COMMENT} else ()
    return ObjectChange(now, how, tuple(words), alarms)


def _differences(was: DatabaseObject, now: DatabaseObject, *, renames: bool) -> Iterator[str]:
    if was.owner != now.owner:
        yield f"owner {was.owner} → {now.owner}"
    before, after = read_properties(was), read_properties(now)
    # A row that nobody has touched still says the same; only a name in it reads otherwise.
    same_row = renames and was.version == now.version and was.version != ""
    after = {name: _with_former_name(value, was, now) for name, value in after.items()}
    for name in sorted({**before, **after}):
        if (
            before.get(name) != after.get(name)
            and name not in NEVER_SHOWN
            and not (same_row and name not in OTHER_ROWS)
        ):
            yield from _property_words(name, before, after)


def _with_former_name(value: Any, was: DatabaseObject, now: DatabaseObject) -> Any:
    """Put the former name where a text of it begins: ``CREATE TRIGGER b …`` says nothing new of trigger ``a``."""
    if was.own == now.own or not isinstance(value, str) or not value.startswith("CREATE "):
        return value
    former, name = _names(was), _names(now)
    found = [(value.find(f" {new}"), old, new) for old, new in zip(former, name, strict=True) if f" {new}" in value]
    if not found:
        return value
    at, old, new = min(found)
    return f"{value[: at + 1]}{old}{value[at + 1 + len(new) :]}"


def _names(item: DatabaseObject) -> tuple[str, str]:
    """Return its name with its schema's, and without; for a trigger or rule twice the latter."""
    whole = item.identity.removesuffix(f" on {item.part_of}")
    parts = NAME_PART.findall(ARGUMENTS.sub("", whole))
    return ".".join(parts), parts[-1] if parts else ""


def _property_words(name: str, before: Properties, after: Properties) -> Iterator[str]:
    was, now = before.get(name), after.get(name)
    if name in LISTS:
        yield from LISTS[name](was or [], now or [])
    elif name in SWITCHES:
        yield f"{name} {'on' if now else 'off'}"
    elif name in TEXTS:
        yield f"another {name}, {short_hash(was)} → {short_hash(now)}"
    else:
        yield _value_words(name, was, now)


def _value_words(name: str, was: Any, now: Any) -> str:
    if name == "not null":
        return "may no longer be NULL" if now else "may be NULL"
    if name == "comment":
        return ANOTHER_COMMENT
    if name == "default":
        return (
            f"loses its DEFAULT {show_value(was)}" if now is None else f"DEFAULT {show_value(was)} → {show_value(now)}"
        )
    if name == "fires":
        return f"it now {FIRES.get(str(now), 'fires in another way')}"
    return f"other {name}" if name.endswith(SECRETS) else f"{name} {show_value(was)} → {show_value(now)}"


def _enum_words(was: list[str], now: list[str]) -> Iterator[str]:
    added, lost = [each for each in now if each not in was], [each for each in was if each not in now]
    yield from [f"new value {show_value(each)}" for each in added] + [
        f"loses value {show_value(each)}" for each in lost
    ]
    if not added and not lost:
        yield "values in another order, or with another name"


def _column_words(was: list[list[Any]], now: list[list[Any]]) -> Iterator[str]:
    """Describe a view's or composite type's columns: name, type, default, collation, comment, grants."""
    for before, after in zip(was, now, strict=False):
        if before[0] != after[0]:
            yield f"column {before[0]} is called {after[0]}"
        if before[1] != after[1]:
            yield f"column {after[0]} {before[1]} → {after[1]}"
        if before[2:5] != after[2:5]:
            yield f"column {after[0]} has another default, collation or comment"
        yield from (f"{words} its column {after[0]}" for words in _grant_words(before[5] or [], after[5] or []))
    yield from (f"new column {each[0]}" for each in now[len(was) :])
    yield from (f"loses column {each[0]}" for each in was[len(now) :])


def _function_words(now: Properties) -> Iterator[str]:
    if now.get("security definer"):
        yield "SECURITY DEFINER"
    if now.get("language"):
        yield f"in {now['language']}"
    if now.get("body"):
        yield f"body {short_hash(now['body'])}"


def _grant_words(was: list[str], now: list[str]) -> Iterator[str]:
    for words, grants in (("may now", added_grants(was, now)), ("may no longer", added_grants(now, was))):
        for grantee, privileges in by_grantee(grants).items():
            yield f"{'its owner' if grantee == OWNER else grantee} {words} {', '.join(privileges)}"


LISTS: Mapping[str, Callable[[list[Any], list[Any]], Iterator[str]]] = {
    GRANTS: _grant_words,
    "values": _enum_words,
    "columns": _column_words,
}
SWITCHES = frozenset({"row security", "forced row security", "security definer"})
TEXTS = frozenset({"definition", "body", "using", "with check", "filter", "aggregate", "mappings", "constraints"})

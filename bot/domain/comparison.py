"""Compares one database's catalogue at two moments: what is gone, new, renamed, or another than it was.

Objects are identified by the server's own numbers, never by the text of their names: a renamed table is the same table.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a rehearsal has a comparison, so the catalogue's module imports this one
    from bot.domain.catalogue import Catalogue, DatabaseObject

Pair = tuple["DatabaseObject", "DatabaseObject"]
"""An object before and after."""
SEQUENCE = "sequence"


@dataclass(frozen=True)
class Comparison:
    """The difference between two moments of one database.

    Attributes:
        gone: objects that are no longer there. One without data that was dropped and made again is not among them.
        new: objects that were not there.
        remade: those of `gone` that hold data and whose name another object has now.
        kept: objects that stay and differ in anything: name, owner, properties, or the way in which data is stored.
    """

    gone: "tuple[DatabaseObject, ...]"
    new: "tuple[DatabaseObject, ...]"
    remade: "tuple[DatabaseObject, ...]"
    kept: tuple[Pair, ...]

    @cached_property
    def renamed(self) -> tuple[Pair, ...]:
        """List what has another name, or is in another schema, by itself: what moves with its relation is left out."""
        moved = {was.identity for was, now in self.kept if was.identity != now.identity}
        return tuple(
            (was, now)
            for was, now in self.kept
            if was.own != now.own
            and was.identity != now.identity
            and (_name(was) != _name(now) or was.part_of not in moved)
        )

    @cached_property
    def former_names(self) -> dict[str, str]:
        """Return the identities before of what has another one now, by the identity now; columns and parts too."""
        return {now.identity: was.identity for was, now in self.kept if was.identity != now.identity}

    @cached_property
    def rewritten(self) -> frozenset[str]:
        """Return the tables, as they were called, whose rows the server has stored again or removed."""
        return frozenset(
            was.part_of or was.identity
            for was, now in self.kept
            if was.number and was.kind != SEQUENCE and was.kept_as != now.kept_as
        )

    @cached_property
    def restarted(self) -> "tuple[DatabaseObject, ...]":
        """List sequences, as they are now, whose value was set by a statement that a rollback takes back."""
        return tuple(now for was, now in self.kept if was.kind == SEQUENCE and was.kept_as != now.kept_as)


def compare(before: "Catalogue", after: "Catalogue") -> Comparison:
    """Compare one database with itself, later."""
    by_oid = {item.oid: item for item in after.objects if item.oid}
    by_key = {item.key: item for item in after.objects}
    same = dict(_pairs(before, by_oid, by_key))
    ended = sorted(item for item in before.objects if item not in same)
    followed = {id(item) for item in same.values()}
    return Comparison(
        gone=tuple(ended),
        new=tuple(sorted(item for item in after.objects if id(item) not in followed)),
        remade=tuple(item for item in ended if item.number and item.key in by_key),
        kept=tuple(sorted((was, now) for was, now in same.items() if was is not now and _differ(was, now))),
    )


def _pairs(
    before: "Catalogue", by_oid: "dict[str, DatabaseObject]", by_key: "dict[tuple[str, str], DatabaseObject]"
) -> Iterator[Pair]:
    """Find what goes on: by its number; where it holds no data, also as another of the same name."""
    known = {item.oid for item in before.objects if item.oid}
    for item in before.objects:
        now = by_oid.get(item.oid) if item.oid else None
        if now is not None:
            yield item, now
            continue
        other = by_key.get(item.key)
        if other is not None and other.oid not in known and item.number in {"", other.number}:
            yield item, other


def _name(item: "DatabaseObject") -> str:
    """Return its own name without the OID of its schema, which only what is in a schema by itself has."""
    number, dot, name = item.own.partition(".")
    return name if dot and number.isdigit() else item.own


def _differ(was: "DatabaseObject", now: "DatabaseObject") -> bool:
    return was != now or was.kept_as != now.kept_as or was.own != now.own

"""What databases of ours are called: ``{live}_backstop_{kind}_{run}``."""

import re
from dataclasses import dataclass

NAME_BYTES = 63
"""PostgreSQL cuts longer names, silently."""

KINDS = ("side", "kept", "undone")
NAME = re.compile(
    r"(?P<live>.+)_backstop_(?P<kind>side|kept|undone)_(?P<run>[A-Za-z0-9][A-Za-z0-9.-]{0,39})", re.DOTALL
)


@dataclass(frozen=True)
class SideName:
    """A name, read."""

    text: str
    kind: str
    run_id: str


def side_name(live: str, kind: str, run_id: str) -> str:
    """Name a run's database of a kind; what is too long is cut off the live database's part.

    Raises:
        ValueError: no such kind, or a run id that no name can carry.
    """
    suffix = f"_backstop_{kind}_{run_id}"
    name = live.encode()[: NAME_BYTES - len(suffix)].decode(errors="ignore") + suffix
    if NAME.fullmatch(name) is None:
        raise ValueError(f"no database can be named for kind {kind!r} and run {run_id!r}")
    return name


def parse_side_name(text: str, live: str) -> SideName | None:
    """Read a name; None when it is not one of the live database's."""
    match = NAME.fullmatch(text)
    if match is None or side_name(live, match["kind"], match["run"]) != text:
        return None
    return SideName(text, match["kind"], match["run"])

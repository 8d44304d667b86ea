"""Finds what speaks against a bundle's origin: who made it, of which database, and what it can be compared with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.domain.backups import Backup
from bot.domain.catalogue import DatabaseFacts
from bot.domain.signing import explain_signature
from bot.planning.live_comparison import MAX_SHIFTS, find_shifts
from bot.planning.refusals import and_list

UNSIGNED = "bundle-unsigned"
OTHER_DATABASE = "bundle-of-another-database"
NO_MANIFEST = "bundle-without-manifest"


@dataclass(frozen=True)
class Doubt:
    """A reason why a bundle is restored only by its own name, and only once people have approved the reason.

    Attributes:
        approved: in the plan's digest: its reference, and what it is about.
        warning: the same for people, with what they should look at.
    """

    approved: str
    warning: str


def find_doubts(backup: Backup, database: DatabaseFacts) -> tuple[Doubt, ...]:
    """Find them, the gravest first; none where Backstop made the bundle of that very database."""
    return tuple(_doubts(backup, database))


def signature_doubt(backup: Backup) -> str:
    """Return the doubt about a bundle's signature as a plan approves it; "" where it is valid."""
    return "" if backup.is_signed else f"{UNSIGNED}: {backup.signature.value}"


def _doubts(backup: Backup, database: DatabaseFacts) -> Iterator[Doubt]:
    # decision 44: each of them is in the digest, so it is approved with the plan or not at all.
    if not backup.is_signed:
        what = explain_signature(backup.signature) if backup.manifest else "has no manifest that is signed"
        yield Doubt(
            signature_doubt(backup),
            f"NOT MADE BY BACKSTOP: {backup.name} {what}. Anyone who can write to the bucket may have made or changed "
            "it. Approve only if you know who put it there and when.",
        )
    origin = backup.manifest.origin if backup.manifest else None
    if origin is not None and not origin.is_of(database.name, database.identity.server):
        yield Doubt(
            f"{OTHER_DATABASE}: {origin}",
            f"OF ANOTHER DATABASE: {backup.name} was taken from {origin}, and this is {database.name}"
            + (f" on server {database.identity.server}." if database.identity.server else ".")
            + " That is right after a move to another server, and wrong otherwise.",
        )
    if backup.manifest is None:
        compared = backup.verified.compared if backup.verified else ""
        yield Doubt(
            NO_MANIFEST,
            f"{backup.name} has no manifest, so nothing says what its rows should be. Level 3 has restored it, "
            f"{compared or 'and compared it with nothing'}.",
        )


def row_warnings(backup: Backup, live: Mapping[str, int]) -> tuple[str, ...]:
    """Warn of tables whose rows are far from the live ones, in a bundle whose origin is not proven."""
    if backup.is_signed or backup.contents is None:
        return ()
    loaded = {content.table: content.rows for content in backup.contents}
    far = [str(shift) for shift in find_shifts(loaded, live) if shift.is_far]
    if not far:
        return ()
    more = f" and {len(far) - MAX_SHIFTS} more" if len(far) > MAX_SHIFTS else ""
    return (f"Rows far from those of the live database: {and_list(far[:MAX_SHIFTS])}{more} (now → then).",)

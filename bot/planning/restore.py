"""Plans a restore: a bundle is loaded beside the live database, and takes its place."""

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.backups import Backup
from bot.domain.catalogue import DatabaseFacts
from bot.domain.plans import RestorePlan
from bot.domain.signing import explain_signature
from bot.domain.versions import label
from bot.errors import PermanentError
from bot.planning.app_version import choose_app
from bot.planning.bundle_doubts import find_doubts, row_warnings
from bot.planning.drill_evidence import restore_proof, restore_warnings
from bot.planning.facts import Exchange, Facts, RestoreRequest
from bot.planning.forecast import restore_estimate
from bot.planning.obstacles import what_is_lost
from bot.planning.refusals import check_environment
from bot.planning.swap import plan_swap

LATEST = "latest"
_LEVELS = {1: "names and checksums proven", 2: "read to its end", 3: "restored and compared"}
_MAJOR = 10_000
_NAMED = 3
PARTIAL = "bundle-partial"


def newest_restorable(backups: Sequence[Backup], environment: str, database: DatabaseFacts | None = None) -> Backup:
    """Choose what ``latest`` means: the newest restorable of `backups`, which are newest first.

    Only what Backstop has made is ever chosen, and of that database where `database` is known.

    Raises:
        PermanentError: ``no-restorable-backup``.
    """
    for backup in backups:
        if not _why_passed_over(backup, database):
            return backup
    raise PermanentError(
        "no-restorable-backup",
        f"None of the newest {len(backups)} backups of {environment} is one that Backstop made of this database and "
        "that can be restored as it is."
        if backups
        else f"{environment} has no backups.",
        f"/backups {environment} lists them, with what speaks against each. One that Backstop did not make is restored "
        "by its own name only.",
    )


def passed_over(backups: Sequence[Backup], chosen: Backup, database: DatabaseFacts | None = None) -> tuple[str, ...]:
    """Warn of newer backups (`backups`: newest first) if none of them can be restored; nothing where one can."""
    names = [backup.name for backup in backups]
    newer = backups[: names.index(chosen.name)] if chosen.name in names else ()
    whys = [f"{backup.name} {why}" for backup in newer if (why := _why_passed_over(backup, database))]
    if not newer or len(whys) < len(newer):
        return ()
    more = f"; and {len(whys) - _NAMED} more" if len(whys) > _NAMED else ""
    count = "1 newer backup was" if len(whys) == 1 else f"{len(whys)} newer backups were"
    where = f"/backups {chosen.name.environment} lists them."
    return (f"{count} passed over: {'; '.join(whys[:_NAMED])}{more}. {where}",)


def _why_passed_over(backup: Backup, database: DatabaseFacts | None) -> str:
    """Return in short why a bundle is not what ``latest`` means; "" where it could be."""
    if backup.verified is not None and backup.verified.problem:
        return "failed its verification"
    if not backup.is_signed:
        # decision 44: anyone who can write to the bucket decides what is the newest in it.
        return "was not made by Backstop"
    if database is not None and find_doubts(backup, database):
        return "is of another database"
    return "" if read_schema(backup) > 0 else "has an unknown schema"


def check_restorable(facts: Facts, backup: Backup) -> None:
    """Refuse a bundle that cannot be restored here.

    Raises:
        PermanentError: ``backup-not-restorable``, ``bundle-partial``, ``schema-unknown``, ``server-too-old``.
    """
    why = _why_not(backup)
    if why is not None:
        partial = backup.verified is not None and backup.verified.problem.startswith(PARTIAL)
        raise PermanentError(PARTIAL if partial else "backup-not-restorable", *why)
    if read_schema(backup) <= 0:
        raise PermanentError(
            "schema-unknown",
            f"The schema of {backup.name} is unknown, so no app version can be chosen for it.",
            f"Find out by restoring it aside: /backups {backup.name.environment} verify {backup.name} 3",
        )
    check_server(backup, facts.environment.name, facts.database.server_version)


def check_server(backup: Backup, environment: str, server_version: int) -> None:
    """Refuse a bundle of a newer server than that environment's; `server_version` is its `server_version_num`.

    Raises:
        PermanentError: ``server-too-old``.
    """
    made_on = backup.manifest.server_version // _MAJOR if backup.manifest else 0
    here = server_version // _MAJOR
    if made_on > here:
        raise PermanentError(
            "server-too-old",
            f"{backup.name} is from PostgreSQL {made_on}, and the server of {environment} is {here}.",
            "A dump cannot be loaded into an older server. Choose a bundle from before the server was changed.",
        )


def read_schema(backup: Backup) -> int:
    """Read the schema of a bundle off its manifest, or what a verification saw; 0 if unknown."""
    if backup.manifest is not None:
        return backup.manifest.schema_version
    return backup.verified.schema_version if backup.verified else 0


def _why_not(backup: Backup) -> tuple[str, str] | None:
    """Return why a bundle cannot be restored, and the way out; None where it can."""
    other = f"Choose another: /backups {backup.name.environment} lists them."
    if backup.verified is not None and backup.verified.problem:
        return f"{backup.name} failed its verification: {backup.verified.problem[:300]}.", other
    if backup.manifest is None and backup.verified is None:
        way = f"Prove it first: /backups {backup.name.environment} verify {backup.name} 3"
        note = backup.ignored_note
        but = f": the verification beside it {explain_signature(note)}" if note is not None else ""
        return f"{backup.name} has no manifest and has never been verified{but}.", way
    return None


def plan_restore(request: RestoreRequest, facts: Facts, backup: Backup, exchange: Exchange) -> RestorePlan:
    """Make the plan that people are asked to approve.

    Raises:
        PermanentError: every reference of `check_environment`, `check_restorable` and `choose_app`.
    """
    check_environment(facts, RestorePlan.kind)
    check_restorable(facts, backup)
    to_schema = read_schema(backup)
    to_app = choose_app(request.app, facts, to_schema)
    doubts = find_doubts(backup, facts.database)
    plan = plan_swap(RestorePlan, facts, exchange, to_schema, to_app)
    come = replace(
        plan.restore,
        backup=str(backup.name),
        key=backup.stored.key,
        version_id=backup.stored.version_id,
        sha256=backup.stored.sha256,
        etag=backup.stored.etag,
        verified=_proven(backup),
        doubts=tuple(doubt.approved for doubt in doubts),
        proof=_proof(backup),
    )
    estimate = restore_estimate(backup.stored.size_bytes)
    return replace(
        plan,
        asked_for=request.asked_for,
        requested_app=str(request.app or ""),
        estimate=estimate,
        restore=come,
        warnings=(
            *(doubt.warning for doubt in doubts),
            *what_is_lost(facts.obstacles, facts.database.role, has_grants=backup.is_signed),
            *row_warnings(backup, {size.table: size.rows for size in exchange.sizes}),
            *passed_over(exchange.newest, backup, facts.database),
            *_ahead(facts, to_schema),
            *restore_warnings(facts, backup, exchange.restored),
            *plan.warnings,
        ),
        proven=restore_proof(facts, backup, exchange.restored, estimate),
    )


def _proven(backup: Backup) -> str:
    if backup.verified is None:
        return ""
    compared = "restored, with no manifest to compare it with" if backup.manifest is None else _LEVELS[max(_LEVELS)]
    levels = {**_LEVELS, max(_LEVELS): compared}
    return f"{levels.get(backup.verified.level, 'verified')} at {backup.verified.at:%Y-%m-%d %H:%M} UTC"


def _proof(backup: Backup) -> str:
    """Say what its content will be compared with before the swap."""
    if backup.is_signed:
        return "its signed manifest"
    if backup.manifest is not None:
        return f"its manifest, which {explain_signature(backup.signature)}, and the live database"
    return "what level 3 found in it, and the live database: it has no manifest"


def _ahead(facts: Facts, to_schema: int) -> tuple[str, ...]:
    """Warn where the restore leads to a newer schema."""
    if facts.database.unread is not None or to_schema <= facts.database.schema:
        return ()
    return (f"The bundle's schema {label(to_schema)} is newer than the live one ({label(facts.database.schema)}).",)

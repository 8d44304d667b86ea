"""Refuses what must not be planned: each refusal names the rule and the way out."""

from collections.abc import Iterable, Sequence

from bot.domain.catalogue import DatabaseFacts, LoaderFacts
from bot.domain.migrations import build_chain
from bot.domain.plans import PlanKind
from bot.domain.runs import Run, RunState
from bot.domain.versions import label
from bot.errors import PermanentError
from bot.planning import checklist
from bot.planning.facts import Facts, RollbackRequest
from bot.planning.kinds import KINDS, is_past_return, is_retired, is_undoable, saved_backup
from bot.planning.obstacles import check_obstacles


def check_environment(facts: Facts, kind: PlanKind) -> None:
    """Refuse where no run of that kind can start.

    Raises:
        PermanentError: ``environment-frozen``, ``another-run-active``, ``missing-rights``; ``no-second-database`` where
            the kind swaps one in, ``no-loader-role`` and ``loader-too-powerful`` where it loads a bundle; elsewhere,
            why the live database cannot be read, e.g. ``database-closed``; every reference of `check_obstacles`.
    """
    name = facts.environment.name
    # What people decided comes before what they have to repair: a freeze explains itself.
    if facts.frozen is not None:
        raise PermanentError("environment-frozen", facts.frozen, f"/rollback unfreeze {name}")
    if facts.active is not None:
        raise another_run(facts.active)
    # decision 43: what is to be replaced need not be whole to be replaced.
    if KINDS[kind].swaps:
        check_second_database(name, facts.database)
    else:
        facts.database.require_read()
    if checklist.LOAD in KINDS[kind].steps:
        check_loader(name, facts.database.loader)
    _check_rights(facts)
    check_obstacles(facts, kind)


def check_second_database(environment: str, database: DatabaseFacts) -> None:
    """Refuse what needs a database beside the live one where our role cannot make one.

    Raises:
        PermanentError: ``no-second-database`` with the grant to type.
    """
    # decision 16: without a second database there is no copy to go back to.
    if not database.can_create:
        raise PermanentError(
            "no-second-database",
            f"Restoring needs a database beside that of {environment}, and role {database.role} may make none.",
            f"Have a superuser type: ALTER ROLE {database.role} CREATEDB;",
        )


def check_loader(environment: str, loader: LoaderFacts) -> None:
    """Refuse to load a bundle where no role without power can do it.

    Raises:
        PermanentError: ``no-loader-role`` with the two lines to type, ``loader-too-powerful`` with what takes it away.
    """
    # decision 39: what is in a bundle runs with the rights of the role that loads it.
    if not loader.is_configured or not loader.is_usable:
        why = f"role {loader.name} cannot be used for it" if loader.is_configured else "none is configured"
        raise PermanentError(
            "no-loader-role",
            f"Backups of {environment} are loaded by a role that can do nothing else, and {why}.",
            f"Have a superuser type: {build_loader_lines(loader.name, loader.granted_to)} Then name it in "
            f"backstop.toml, environments.{environment}.database: loader_user, loader_password_env.",
        )
    if loader.powers:
        raise PermanentError(
            "loader-too-powerful",
            f"Role {loader.name}, which loads backups of {environment}, "
            f"{'; it '.join(clause for clause, _ in loader.powers)}. What is in a backup could do that, too.",
            f"Have a superuser type: {' '.join(statement for _, statement in loader.powers)}",
        )


def build_loader_lines(loader: str, role: str) -> str:
    """Write the two statements that make a loader; both names are quoted as SQL wants them."""
    return f"CREATE ROLE {loader} LOGIN CONNECTION LIMIT 20 PASSWORD '…'; GRANT {loader} TO {role};"


def _check_rights(facts: Facts) -> None:
    missing = list(facts.missing_rights)
    if not facts.database.can_take_exclusive_access:
        missing.append("own the database and be a member of pg_signal_backend")
    if not facts.database.can_create:
        missing.append("CREATEDB, for the database beside the live one")
    if missing:
        raise PermanentError(
            "missing-rights",
            f"Backstop lacks rights that a rollback of {facts.environment.name} needs: " + "; ".join(missing) + ".",
            "Grant what is missing (docs/operations.md lists it), then ask again.",
        )


def another_run(run: Run) -> PermanentError:
    """Make the refusal for an environment that a run holds."""
    return PermanentError(
        "another-run-active",
        f"{run.environment} is held by run {run.id} ({run.state}), asked for by {run.asker} at "
        f"{run.created_at:%Y-%m-%d %H:%M} UTC: {run.plan.asked_for}.",
        _way_past(run),
    )


def _way_past(run: Run) -> str:
    """Say what frees the environment of a run that people must decide on; any other ends by itself."""
    if run.state is RunState.PENDING and not run.drill:
        return f"Vote on it, or withdraw it with /rollback cancel {run.id}."
    if run.state is not RunState.PARKED:
        return "See /rollback status."
    if is_retired(run):
        return f"Close it as it stands with /rollback cancel {run.id}. Then ask again."
    if not is_past_return(run):
        return f"Have it put everything back: /rollback resume {run.id}. Then ask again."
    then = f"/rollback undo {run.id} takes it back" if is_undoable(run) else "ask again"
    return (
        f"Let it go on to its end: /rollback resume {run.id}. Or close it as it stands with /rollback cancel {run.id}; "
        f"then {then}."
    )


def drill_in_production(environment: str) -> PermanentError:
    """Make the refusal of a drill in production."""
    return PermanentError(
        "drill-in-production",
        f"{environment} is production, and drills never run there.",
        "Drill elsewhere: a drill of another environment may load a bundle of this one (bundle_of).",
    )


def check_migration(request: RollbackRequest, facts: Facts) -> None:
    """Refuse a migration that is unknown, has another name, is already undone, or cannot be reached.

    Raises:
        PermanentError: ``unknown-migration``, ``wrong-name``, ``already-undone``, ``no-down-script``.
    """
    _check_name(request, facts)
    applied = {migration.version for migration in facts.database.applied}
    wanted = request.migration
    if wanted in applied:
        _check_scripts(request, facts)
        return
    known = applied | set(facts.scripts)
    newest = facts.database.schema
    if wanted in known or wanted < newest:
        raise PermanentError(
            "already-undone",
            f"{label(wanted)} is not applied in {request.environment}; its schema is {label(newest)}. Nothing to undo.",
            f"The newest migration there is {label(newest)}: /migrations {request.environment} shows them all.",
        )
    raise PermanentError(
        "unknown-migration",
        f"There is no migration {label(wanted)}. The schema of {request.environment} is {label(newest)}.",
        f"To undo the newest one: /rollback {request.environment} {label(newest)}. "
        f"/migrations {request.environment} shows them all.",
    )


def _check_name(request: RollbackRequest, facts: Facts) -> None:
    """Refuse a number with the name of another migration: only the person knows which of the two was meant."""
    stems: dict[int, set[str]] = {}
    known = [(row.version, row.name) for row in facts.database.applied]
    for version, name in (*known, *((script.version, script.name) for script in facts.scripts.values())):
        stems.setdefault(version, set()).add(_stem(name))
    own, named = stems.get(request.migration, set()) - {""}, _stem(request.named)
    if not named or not own or named in own:
        return
    meant = sorted(version for version, names in stems.items() if named in names)
    others = [f"{label(version)}_{named}" for version in meant]
    really = f"{label(request.migration)}_{min(own)}"
    raise PermanentError(
        "wrong-name",
        f"{label(request.migration)} is not {named[:100]}; it is {really[:100]}. "
        + (
            f"{and_list(label(version) for version in meant)} has that name."
            if meant
            else "No migration has that name."
        ),
        f"Type /rollback {request.environment} {' or '.join([*others, really])}; each undoes everything newer, too.",
    )


def _stem(name: str) -> str:
    """Return a migration's name without its number: ``027_feature_flags.sql`` → ``feature_flags``; "" for none."""
    bare = name.casefold().removesuffix(".sql")
    return bare.lstrip("0123456789").lstrip("_") if bare[:1].isdigit() else bare


def no_such_migration(text: str, environment: str) -> PermanentError:
    """Make the refusal for something that is no migration at all."""
    return PermanentError(
        "unknown-migration", f"{text[:60]} is no migration.", f"/migrations {environment} shows them all."
    )


def _check_scripts(request: RollbackRequest, facts: Facts) -> None:
    applied = tuple(migration.version for migration in facts.database.applied)
    _check_faults(request, facts, applied)
    try:
        build_chain(facts.scripts, applied, request.migration)
    except KeyError as error:
        missing: Sequence[int] = error.args
        below = max((version for version in applied if version < request.migration), default=0)
        raise PermanentError(
            "no-down-script",
            f"{and_list(label(version) for version in missing)} {'has' if len(missing) == 1 else 'have'} no down "
            f"script, so a chain to {label(below)} cannot be built.",
            _bundle_hint(request.environment, min(missing), facts),
        ) from None


def _check_faults(request: RollbackRequest, facts: Facts, applied: Sequence[int]) -> None:
    """Refuse a chain that needs a script which cannot be run."""
    for version in sorted((version for version in applied if version >= request.migration), reverse=True):
        script = facts.scripts.get(version)
        if script is not None and script.fault is not None:
            raise script.fault


def _bundle_hint(environment: str, version: int, facts: Facts) -> str:
    older = [
        b for b in facts.backups if b.is_signed and b.manifest is not None and 0 < b.manifest.schema_version < version
    ]
    if not older and facts.backups_searched:
        return (
            f"The newest {facts.backups_searched:,} backups have none from before {label(version)}; older ones were "
            f"not looked at. Write the missing script, or find one by its date: /backups {environment} 20260131."
        )
    if not older:
        return f"The bucket has no backup from before {label(version)} either. Write the missing script."
    newest = max(older, key=lambda backup: backup.name.created_at)
    schema = label(newest.manifest.schema_version) if newest.manifest else "unknown"
    return f"Restore the newest backup from before it instead: /rollback {environment} {newest.name} (schema {schema})."


def and_list(words: Iterable[str]) -> str:
    """Join words as people do: ``a, b and c``."""
    items = list(words)
    if len(items) <= 1:
        return "".join(items)
    return ", ".join(items[:-1]) + " and " + items[-1]


def check_not_retired(run: Run) -> None:
    """Refuse to go on with a restore in place, or to take it back.

    Raises:
        PermanentError: ``restore-in-place-removed``, with what can be done instead.
    """
    if is_retired(run):
        raise PermanentError(
            "restore-in-place-removed",
            f"Run {run.id} is a restore in place, and this version of Backstop has none.",
            _instead(run),
        )


def _instead(run: Run) -> str:
    if run.state in {RunState.PENDING, RunState.APPROVED, RunState.RUNNING}:
        return "Ask for the restore again: it loads the backup beside the live database."
    back = f"/rollback {run.environment} {saved_backup(run)} restores what it replaced"
    if run.state is RunState.PARKED:
        close = f"Close it with /rollback cancel {run.id}"
        return f"{close}; then {back}." if is_past_return(run) else f"{close}, then ask for the restore again."
    return f"{back}, from its emergency backup." if is_past_return(run) else "It has changed no database."

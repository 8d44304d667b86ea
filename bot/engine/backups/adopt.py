"""Signs what Backstop did not sign: an operator with the key vouches for it, and the audit log keeps who that was."""

from bot.engine.backups.queries import find_backup
from bot.engine.context import Services
from bot.engine.preview.facts import unheard
from bot.errors import PermanentError


def adopt_bundle(services: Services, environment: str, name: str, actor: str) -> str:
    """Read a bundle to its end, and sign its manifest; returns a sentence for the operator.

    Args:
        services: the ports.
        environment: its name.
        name: the bundle's; ``latest`` is none, because it means one that is signed.
        actor: who vouches, for the audit log.

    Raises:
        PermanentError: ``unknown-environment``, ``unknown-backup``; ``bundle-not-signable`` without a manifest, or with
            a signature that is wrong; what `BackupStore.verify_names` raises.
        TemporaryError: ``storage-unavailable``.
    """
    env = services.env(environment)
    backup = find_backup(env, name)
    if backup.is_signed:
        return f"{backup.name} is signed already."
    before = backup.signature.value
    adopted = env.store.adopt(backup, unheard)
    services.journal.audit.append(
        "",
        actor,
        "bundle-adopted",
        {"environment": environment, "backup": str(adopted.name), "sha256": adopted.stored.sha256, "before": before},
    )
    return f"{adopted.name} is read to its end and signed. It counts as made by Backstop from now on."


def adopt_export(services: Services, environment: str, run_id: str, actor: str) -> str:
    """Read a run's saved rows to their end, and sign their index; returns a sentence for the operator.

    Raises:
        PermanentError: ``unknown-environment``; ``unknown-export``: the run has saved none; ``export-damaged``;
            ``bundle-not-signable``: its signature is wrong.
        TemporaryError: ``storage-unavailable``.
    """
    adopted = services.env(environment).store.open_export(run_id).adopt()
    if adopted is None:
        raise PermanentError(
            "unknown-export",
            f"Run {run_id[:60]} has saved no rows in the bucket of {environment}.",
            "The run's report names what it saved.",
        )
    details = {"environment": environment, "export": adopted.prefix, "rows": adopted.rows}
    services.journal.audit.append(run_id, actor, "export-adopted", details)
    return f"{adopted.rows:,} rows of {len(adopted.tables):,} tables are read to their end and signed."

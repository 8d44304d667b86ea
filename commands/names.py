"""Reads names of environments, migrations, backups, app versions and runs. Near misses are suggested, never guessed."""

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches

from bot.domain.backups import BUNDLE_SUFFIX, BackupName
from bot.domain.versions import AppVersion, label
from bot.errors import PermanentError
from bot.views.kit.text import clip
from commands.arguments import quote

_DIGITS = 18
"""Digits of the longest version: a bigint's, of which a time to the second (20260131120000) needs 14."""
_MIGRATION = re.compile(rf"(\d{{3,{_DIGITS}}})(_[a-z0-9_]+)?", re.IGNORECASE | re.ASCII)
_LOOSE = re.compile(
    rf"(?:migration|version|schema|v|m|#)?[-_ ]*0*(\d{{1,{_DIGITS}}})(_\w*)?(?:\.sql)?", re.IGNORECASE | re.ASCII
)
_RUN = re.compile(r"r[a-km-np-z2-9]{5}")
_NEAR = 0.65
_MAX_BACKUP = 200
_MAX_MIGRATION = 120
LATEST = "latest"
MAX_REASON = 500


def is_environment(word: str, environments: Collection[str]) -> bool:
    """Return whether a word names an environment, in any case."""
    return word.lower() in {name.lower() for name in environments}


def read_environment(word: str, environments: Collection[str], command: str) -> str:
    """Find the environment, in any case.

    Args:
        word: as typed.
        environments: the names there are.
        command: what to type instead, with ``ENV`` where the environment goes.

    Raises:
        PermanentError: ``unknown-environment`` with the nearest name, or all of them.
    """
    for name in environments:
        if name.lower() == word.lower():
            return name
    close = near(word, environments)
    if close:
        hint = f"Did you mean {close}? Type {command.replace('ENV', close, 1)}"
    else:
        hint = f"There are: {', '.join(sorted(environments))}."
    raise PermanentError("unknown-environment", f"There is no environment {quote(word)}.", hint)


def near(word: str, names: Iterable[str]) -> str:
    """Find the name that was probably meant; "" when none is near."""
    # Suggested, never taken: a guess could roll the wrong environment back.
    lowered = {name.lower(): name for name in names}
    typed = word.lower()
    begins = [name for name in lowered if len(typed) > 1 and (typed.startswith(name) or name.startswith(typed))]
    found = begins[:1] or get_close_matches(typed, lowered, n=1, cutoff=_NEAR)
    return lowered[found[0]] if found else ""


def near_among(word: str, names: Iterable[str], cutoff: float) -> str:
    """Find a name that differs by a slip of the fingers; "" when none does. `cutoff` is difflib's, 0…1."""
    found = get_close_matches(word.lower(), list(names), n=1, cutoff=cutoff)
    return found[0] if found else ""


def suggest_label(text: str, max_length: int) -> str:
    """Make a label out of a text; "" when none of it can be in one."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[:max_length]


def read_migration(word: str, environment: str) -> str:
    """Read a migration: ``027`` or its whole name ``027_feature_flags``, in lower case.

    The engine checks that the number has that name in the environment.

    Raises:
        PermanentError: ``not-a-migration`` with a suggestion.
    """
    exact = _MIGRATION.fullmatch(word)
    if exact and label(int(exact[1])) == exact[1] and int(exact[1]) > 0 and len(word) <= _MAX_MIGRATION:
        return word.lower()
    loose = _LOOSE.fullmatch(word)
    if loose and int(loose[1]) > 0:
        meant = label(int(loose[1])) + clip(loose[2] or "", _MAX_MIGRATION).lower()
        hint = f"Did you mean {meant}? Type /rollback {environment} {meant}"
    else:
        hint = (
            f"A migration is three digits, such as 027; /migrations {environment} lists them. "
            f"To restore a backup, type /rollback {environment} latest, or its name from /backups {environment}"
        )
    raise PermanentError("not-a-migration", f"{quote(word)} is not a migration's number.", hint)


def is_backup(word: str, environment: str) -> bool:
    """Return whether a word can only mean a backup: ``latest``, a backup's name, or a word much like one."""
    meant = word.lower() == LATEST or word.endswith(BUNDLE_SUFFIX) or word.startswith(f"{environment}_")
    return meant or BackupName.parse(word) is not None


def read_backup(word: str, environment: str, usage: str = "") -> str:
    """Read a backup's name, or ``latest``; it is not looked up. `usage` is what to type instead.

    Raises:
        PermanentError: ``wrong-environment``, ``text-too-long``.
    """
    parsed = BackupName.parse(word)
    if parsed is not None and parsed.environment != environment:
        other = clip(parsed.environment, 40)
        where = f"A backup is restored where it was taken. /backups {environment} lists those of {environment}."
        hint = f"Type {usage.replace(environment, other, 1)}" if usage else where
        raise PermanentError("wrong-environment", f"{quote(word)} is a backup of {other}, not of {environment}.", hint)
    if len(word) > _MAX_BACKUP:
        hint = f"Type {usage}" if usage else f"/backups {environment} lists them."
        raise PermanentError("text-too-long", f"{quote(word)} is no backup's name.", hint)
    return LATEST if word.lower() == LATEST else word.removesuffix(BUNDLE_SUFFIX)


def looks_like_migration(word: str) -> bool:
    """Return whether a word can only mean a migration."""
    return _LOOSE.fullmatch(word) is not None


def read_app(text: str) -> str:
    """Read an app version, ``v1.2.3`` or ``1.2.3``; returns ``v1.2.3``.

    Raises:
        PermanentError: ``not-an-app-version``.
    """
    version = AppVersion.parse(text.lower())
    if version is None:
        raise PermanentError(
            "not-an-app-version",
            f"{quote(text)} is not an app version.",
            "Write it like --app v1.2.3, all three numbers.",
        )
    return str(version)


def read_run(word: str) -> str:
    """Read a run's id.

    Raises:
        PermanentError: ``not-a-run``.
    """
    if _RUN.fullmatch(word.lower()):
        return word.lower()
    raise PermanentError(
        "not-a-run",
        f"{quote(word)} is not a run's id; they look like rk3f9a.",
        "/rollback status shows the runs with their ids.",
    )


def read_target(word: str, environment: str) -> str:
    """Read a migration (``027``, or its whole name) or a backup (its name, or ``latest``).

    Raises:
        PermanentError: what was wrong, with a suggestion.
    """
    return (read_backup if is_backup(word, environment) else read_migration)(word, environment)


def read_reason(text: str) -> str:
    """Check a reason.

    Raises:
        PermanentError: ``reason-too-long``.
    """
    if len(text) > MAX_REASON:
        raise PermanentError(
            "reason-too-long", f"The reason is {len(text)} characters long.", f"Say it in at most {MAX_REASON}."
        )
    return text

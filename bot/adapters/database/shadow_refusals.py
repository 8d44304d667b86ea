"""Refuses a chain whose rehearsal proves nothing: it wants rights that our role lacks, or what no shadow can have."""

import re
from collections.abc import Sequence

import psycopg

from bot.adapters.database.connections import safe_message
from bot.adapters.database.shadow_source import Key, Omitted, Original
from bot.domain.catalogue import Catalogue
from bot.domain.comparison import compare
from bot.domain.migrations import DownScript
from bot.errors import PermanentError

NOTHING = "Nothing was changed."
WORD = re.compile(r"[^\W\d][\w$]*")


def missing_rights(place: str, error: psycopg.Error, original: Original) -> PermanentError | None:
    """Make the refusal for a statement that needs the rights of a role we are no member of; None if that is not why."""
    roles = original.roles
    if not isinstance(error, psycopg.errors.InsufficientPrivilege) or not roles.strangers:
        return None
    concerned = _find_strangers(safe_message(error), original)
    powerful = [role for role in concerned if role in roles.superusers]
    grantable = [role for role in concerned if role not in roles.superusers]
    typed = [f"GRANT {role} TO {roles.ours};" for role in grantable]
    typed += [f"ALTER … OWNER TO {roles.migrator}; for what {role} owns, a superuser" for role in powerful]
    return PermanentError(
        "missing-rights",
        f"{place} was refused in the rehearsal, as it would be with the app stopped: {safe_message(error)}. "
        f"{roles.ours} has no rights of {' and '.join(concerned)}, who owns some of the objects here.",
        f"{NOTHING} Have a superuser type: {' '.join(typed)} Then ask again.",
    )


def _find_strangers(message: str, original: Original) -> Sequence[str]:
    """Find the owners of what a message names; all of them if it names nothing that we know."""
    words = set(WORD.findall(message))
    owners = [(identity.partition("(")[0], owner) for (_, identity), owner in original.owners.items()]
    owners += [item for item in original.extension_owners.items() if item[1] in original.roles.strangers]
    named = {owner for identity, owner in owners if words & set(WORD.findall(identity)[-1:])}
    return sorted(named) or original.roles.strangers


def refuse_named(omitted: Omitted, chain: Sequence[DownScript]) -> None:
    """Refuse a chain that names what the shadow lacks: with IF EXISTS it would pass, and do something else live.

    Raises:
        PermanentError: ``shadow-failed``.
    """
    for script in chain:
        found = omitted.find_named([statement.sql for statement in script.statements])
        if found is not None:
            raise _lacking(omitted, found, f"{script.name} names it")


def refuse_touched(omitted: Omitted, before: Catalogue, after: Catalogue) -> None:
    """Refuse a chain that takes or changes what something that the shadow lacks is built on.

    Raises:
        PermanentError: ``shadow-failed``.
    """
    if not omitted.objects:
        return
    difference = compare(before, after)
    for item in (*difference.gone, *(was for was, _ in difference.kept)):
        if (item.kind, item.identity) in omitted.foundations:
            raise _lacking(omitted, min(omitted.extensions), f"the chain changes {item.kind} {item.identity}")


def _lacking(omitted: Omitted, found: Key, why: str) -> PermanentError:
    kind, identity = found
    return PermanentError(
        "shadow-failed",
        f"The {kind} {identity} hangs on the extension {omitted.extensions[found]}, which only a superuser can create: "
        f"no shadow has it, and {why}.",
        "Have a superuser make a database with that extension, owned by our role; name it as shadow_template.",
    )

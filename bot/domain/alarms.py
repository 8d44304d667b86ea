"""Finds rights that a chain widens and code that it adds: what approvers must not overlook."""

from collections.abc import Iterator

from bot.domain.catalogue import DatabaseObject
from bot.domain.comparison import Comparison
from bot.domain.properties import GRANTS, OWNER, Properties, added_grants, by_grantee, clip, read_properties

PUBLIC_BY_DEFAULT = frozenset({"PUBLIC=EXECUTEf", "PUBLIC=USAGEf"})
"""Privileges that everybody has on a new function, type or language."""
REACHES_OUT = frozenset(
    {
        *("event trigger", "publication", "publication relation", "publication namespace", "publication filter"),
        *("subscription", "foreign-data wrapper", "server", "user mapping", "foreign table"),
        *("language", "access method", "extension", "cast", "transform"),
    }
)
"""Kinds that bring code, or carry rows elsewhere, when they are new or changed."""
GUARDS = frozenset({"policy", "trigger", "rule"})


def created_relations(comparison: Comparison) -> frozenset[str]:
    """Return the relations that were not there."""
    return frozenset(item.identity for item in comparison.new if not item.part_of)


def widened_by_loss(comparison: Comparison) -> Iterator[str]:
    """Name policies that go while their table stays."""
    gone = {item.identity for item in comparison.gone}
    for item in comparison.gone:
        if item.kind == "policy" and item.part_of not in gone:
            yield f"Policy {item.identity} goes: other rows may be seen and changed."


def alarms_of(was: DatabaseObject | None, now: DatabaseObject, new: frozenset[str]) -> Iterator[str]:
    """Say what of a change widens rights or adds code, a sentence each.

    Args:
        was: the object before; None for a new one.
        now: the object afterwards.
        new: relations that the chain creates: triggers and policies on them alarm nobody.
    """
    before, after = read_properties(was) if was else {}, read_properties(now)
    named = f"{now.kind} {now.identity}"
    yield from _grant_alarms(was, now, before, after)
    if was is not None and was.owner != now.owner:
        yield f"The owner of {named} changes: {was.owner} → {now.owner}."
    if any(before.get(name) and not after.get(name) for name in ("row security", "forced row security")) and was:
        yield f"Row security of {now.identity} is switched off."
    if now.kind in GUARDS and now.part_of not in new:
        yield f"{'New' if was is None else 'Changed'} {named}{_effect_of(now, after)}."
    if now.kind in REACHES_OUT:
        yield f"{'New' if was is None else 'Changed'} {named}: it brings code, or carries rows elsewhere."
    yield from _function_alarms(was, now, before, after)
    if was is not None and now.kind == "view" and _invoker(before) and not _invoker(after):
        yield f"View {now.identity} no longer runs with its reader's rights (security_invoker)."


def _grant_alarms(
    was: DatabaseObject | None, now: DatabaseObject, before: Properties, after: Properties
) -> Iterator[str]:
    old = before.get(GRANTS) or ([*PUBLIC_BY_DEFAULT] if was is None else [])
    added = [grant for grant in added_grants(old, after.get(GRANTS) or []) if not grant.startswith(f"{OWNER}=")]
    if was is None and now.kind in {"table", "sequence"}:
        added = [grant for grant in added if grant.startswith("PUBLIC=")]
    for grantee, privileges in by_grantee(added).items():
        yield f"{grantee} may now {', '.join(privileges)}: {now.kind} {now.identity}."
    pairs = zip(before.get("columns") or [], after.get("columns") or [], strict=False)
    for old_column, new_column in pairs:
        for grantee, privileges in by_grantee(added_grants(old_column[5] or [], new_column[5] or [])).items():
            yield f"{grantee} may now {', '.join(privileges)}: column {new_column[0]} of {now.identity}."


def _function_alarms(
    was: DatabaseObject | None, now: DatabaseObject, before: Properties, after: Properties
) -> Iterator[str]:
    code = before.get("body") != after.get("body") or before.get("definition") != after.get("definition")
    if "security definer" not in after or not (code or before.get("security definer") != after["security definer"]):
        return
    begins = f"{'New' if was is None else 'Changed'} {now.kind} {now.identity}"
    if after["security definer"]:
        yield f"{begins} runs with its owner's rights (SECURITY DEFINER)."
    is_constructor = now.identity.partition("(")[0] == after.get("returns")
    if after.get("trusted") is False and after.get("language") and not (is_constructor and was is None):
        yield f"{begins} is in {after['language']}, which may do anything on the server."
    if was is not None and after.get("returns trigger") and not after["security definer"]:
        yield f"{begins}: triggers run it."


def _effect_of(item: DatabaseObject, now: Properties) -> str:
    if item.kind == "policy":
        return ": other rows may be seen and changed"
    if now.get("fires") == "D":
        return ": it does not fire"
    return f": {clip((now.get('definition') or '').rstrip(';'), 160)}"


def _invoker(properties: Properties) -> bool:
    return any(
        str(option).lower() in {"security_invoker=true", "security_invoker=on", "security_invoker=1"}
        for option in properties.get("options") or []
    )

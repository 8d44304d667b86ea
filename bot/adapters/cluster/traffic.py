"""Holding a Service's traffic and letting it go: one more label in its selector that no pod has."""

from collections.abc import Mapping

from bot.adapters.cluster.annotations import has_note, metadata_with, note_of
from bot.adapters.cluster.namespace import Namespace
from bot.domain.workloads import HOLD_LABEL
from bot.errors import PermanentError


def hold(namespace: Namespace, name: str, run_id: str) -> None:
    """Add the hold label, once; note the selector from before.

    Raises:
        PermanentError: ``held-by-another-run``, ``service-without-selector``.
    """
    service = namespace.service(name)
    selector = dict(service["spec"].get("selector") or {})
    holder = selector.pop(HOLD_LABEL, None)
    if holder not in {None, run_id}:
        raise PermanentError(
            "held-by-another-run",
            f"The traffic of {name} is already held by run {holder}.",
            f"Finish or cancel run {holder} first.",
        )
    if not selector:
        raise PermanentError(
            "service-without-selector",
            f"Service {name} selects no pods by label, so its traffic cannot be held.",
            "Name the Service that does in the environment's cluster section.",
        )
    noted = (note_of(service) or {}).get("run") == run_id
    if holder and noted:
        return
    # A label without our note, or our note without the label, is what a person or a GitOps controller left.
    note = note_of(service) if noted else {"run": run_id, "selector": selector}
    change = {"metadata": metadata_with(service, note), "spec": {"selector": {HOLD_LABEL: run_id}}}
    namespace.patch_service(name, change)


def release(namespace: Namespace, name: str, selector: Mapping[str, str]) -> None:
    """Set the selector to exactly that, and drop the note."""
    service = namespace.service(name)
    now = service["spec"].get("selector") or {}
    if now == dict(selector) and not has_note(service):
        return
    # In a merge patch a key goes by null; leaving it out keeps it.
    wanted: dict[str, str | None] = {key: None for key in now if key not in selector}
    change = {"metadata": metadata_with(service, None), "spec": {"selector": wanted | dict(selector)}}
    namespace.patch_service(name, change)

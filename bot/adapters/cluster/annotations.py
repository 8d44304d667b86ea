"""What we write down on an object before we change it, so that a crash loses nothing."""

import json
from collections.abc import Mapping
from typing import Any

from bot.adapters.cluster.api import Obj
from bot.domain.workloads import BEFORE_ANNOTATION, Before


def note_of(obj: Mapping[str, Any]) -> Obj | None:
    """Read our note; None when there is none, or one that is not ours to read."""
    text = (obj["metadata"].get("annotations") or {}).get(BEFORE_ANNOTATION)
    try:
        note = json.loads(text) if text else None
    except ValueError:
        return None
    return note if isinstance(note, dict) else None


def before_of(deployment: Mapping[str, Any]) -> Before | None:
    """Read our note on a Deployment as the domain knows it; None when there is none that can be read."""
    note = note_of(deployment) or {}
    run, replicas = note.get("run"), note.get("replicas")
    if isinstance(run, str) and run and type(replicas) is int and replicas >= 0:
        return Before(run, replicas)
    return None


def has_note(obj: Mapping[str, Any]) -> bool:
    """Whether the annotation is there, readable or not."""
    return BEFORE_ANNOTATION in (obj["metadata"].get("annotations") or {})


def metadata_with(obj: Mapping[str, Any], note: Obj | None) -> Obj:
    """The metadata part of a merge patch that sets the note (None removes it) on that very version of the object."""
    text = None if note is None else json.dumps(note, sort_keys=True)
    return {"resourceVersion": obj["metadata"]["resourceVersion"], "annotations": {BEFORE_ANNOTATION: text}}

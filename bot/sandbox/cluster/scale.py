"""Serves the `/scale` subresource of Deployments and ReplicaSets."""

from bot.sandbox.cluster import patches, schema, selectors, statuses, validation
from bot.sandbox.cluster.objects import check_identity, decode_patched, dry
from bot.sandbox.cluster.requests import Request, Target
from bot.sandbox.cluster.statuses import Obj
from bot.sandbox.cluster.store import Store

_SHOWN = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def show(obj: Obj) -> Obj:
    """Write an object's Scale: `spec.replicas` is absent at 0, `status.replicas` is not."""
    scale = {
        "metadata": {key: obj["metadata"][key] for key in _SHOWN},
        "spec": {"replicas": obj["spec"]["replicas"]},
        "status": {
            "replicas": obj.get("status", {}).get("replicas", 0),
            "selector": selectors.to_text(obj["spec"]["selector"]),
        },
    }
    return schema.decode("V1Scale", scale) | {"kind": "Scale", "apiVersion": "autoscaling/v1"}


def change(store: Store, target: Target, request: Request) -> Obj:
    """Replace or patch a Scale; the answer is the new one.

    Raises:
        ApiError: 400, 404, 409, 415, 422.
    """
    with store.lock:
        old = store.get(target.resource, target.namespace, target.name)
        new = _wanted(show(old), request)
        check_identity(target.subject, old, new.get("metadata", {}))
        if causes := validation.check("Scale", new | {"metadata": old["metadata"]}, None):
            subject = statuses.Subject("scale", "autoscaling", "Scale", target.name)
            raise statuses.invalid(subject, causes)
        changed = old | {"spec": old["spec"] | {"replicas": new.get("spec", {}).get("replicas", 0)}}
        return show(changed if dry(request) else store.put(target.resource, changed, request.manager, "scale"))


def _wanted(current: Obj, request: Request) -> Obj:
    if request.method == "PATCH":
        return decode_patched("V1Scale", patches.apply(request.content_type, current, request.json()))
    try:
        return schema.decode("V1Scale", request.json())
    except schema.DecodeError as error:
        raise statuses.bad_request(f'Scale in version "v1" cannot be handled as a Scale: {error}') from error

"""Creates, replaces, patches and deletes objects, between the wire and the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.sandbox.cluster import defaults, owners, patches, schema, statuses, validation
from bot.sandbox.cluster.requests import Request, Target
from bot.sandbox.cluster.resources import CATALOGUE, DEPLOYMENTS, NAMESPACES, PODS, REPLICA_SETS, SERVICES
from bot.sandbox.cluster.statuses import Cause, Obj, Subject
from bot.sandbox.cluster.store import Store

_KEPT = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields")


@dataclass(frozen=True)
class Objects:
    """The verbs that write, on whole objects and on their status."""

    store: Store

    def create(self, target: Target, request: Request) -> Obj:
        """Create an object.

        Raises:
            ApiError: 400, 404 (no such namespace), 409, 422.
        """
        resource = target.resource
        body = request.json()
        check_fields(target, request, body)
        new = decode_body(target, body)
        metadata = new.setdefault("metadata", {})
        if metadata.get("namespace", target.namespace) != target.namespace:
            raise _other_namespace()
        if resource.namespaced:
            metadata["namespace"] = target.namespace
            self.store.get(NAMESPACES, "", target.namespace)
        if "name" not in metadata and "generateName" in metadata:
            word = f"{metadata['generateName']}{self.store.version}"
            metadata["name"] = metadata["generateName"] + defaults.encode_word(word, 5)
        if "name" not in metadata:
            missing = Cause("metadata.name", "Required value: name or generateName is required", "FieldValueRequired")
            raise statuses.invalid(resource.subject(), [missing])
        metadata.pop("resourceVersion", None)
        if "status" in resource.subresources:
            new.pop("status", None)
        _admit(target.resource.subject(metadata["name"]), new, None)
        return new if dry(request) else self.store.create(resource, new, request.manager)

    def replace(self, target: Target, request: Request) -> Obj:
        """Replace an object, or only its status.

        Raises:
            ApiError: 400, 404, 409, 422.
        """
        with self.store.lock:
            old = self.store.get(target.resource, target.namespace, target.name)
            return self._change(target, request, old, decode_body(target, request.json()))

    def patch(self, target: Target, request: Request) -> Obj:
        """Patch an object, or only its status.

        Raises:
            ApiError: 400, 404, 409, 415, 422.
        """
        with self.store.lock:
            old = self.store.get(target.resource, target.namespace, target.name)
            body = request.json()
            if request.content_type == patches.APPLY:
                check_manager(request)
            patched = patches.apply(request.content_type, old, body)
            check_fields(target, request, patched)
            check_patched_identity(target.subject, old, patched)
            return self._change(target, request, old, decode_patched(target.resource.model, patched))

    def _change(self, target: Target, request: Request, old: Obj, new: Obj) -> Obj:
        metadata = new.setdefault("metadata", {})
        check_identity(target.subject, old, metadata)
        metadata |= {key: old["metadata"][key] for key in _KEPT if key in old["metadata"]}
        metadata |= {key: old["metadata"][key] for key in ("name", "namespace") if key in old["metadata"]}
        metadata.pop("resourceVersion", None)
        if target.subresource == "status":
            new = old | {"status": new.get("status", {})}
        else:
            if "status" in target.resource.subresources:
                new |= {"status": old["status"]} if "status" in old else {}
            if target.resource is SERVICES and "clusterIP" in old["spec"]:
                new["spec"].setdefault("clusterIP", old["spec"]["clusterIP"])
            _admit(target.subject, new, old)
        return new if dry(request) else self.store.put(target.resource, new, request.manager, target.subresource)

    def delete(self, target: Target, request: Request) -> Obj:
        """Delete an object; a pod goes gracefully, what others own goes with them unless orphaned.

        Raises:
            ApiError: 404, 409 (a precondition).
        """
        options = _delete_options(request)
        with self.store.lock:
            old = self.store.get(target.resource, target.namespace, target.name)
            _check_preconditions(target.subject, old, options.get("preconditions", {}))
            if dry(request):
                return old
            return self._remove(target, request, old, options)

    def _remove(self, target: Target, request: Request, old: Obj, options: Mapping[str, Any]) -> Obj:
        if target.resource is PODS:
            return owners.terminate_pod(self.store, old, request.manager, options.get("gracePeriodSeconds"))
        if target.resource is NAMESPACES:
            self._empty(target.name)
        if options.get("propagationPolicy") == "Orphan":
            self._orphan(target, old, request.manager)
        self.store.remove(target.resource, target.namespace, target.name)
        return old if target.resource is SERVICES else statuses.success(target.subject, old["metadata"]["uid"])

    def _empty(self, namespace: str) -> None:
        for resource in CATALOGUE:
            for obj in self.store.list(resource, namespace) if resource.namespaced else []:
                self.store.remove(resource, namespace, obj["metadata"]["name"])

    def _orphan(self, target: Target, old: Obj, manager: str) -> None:
        child = {DEPLOYMENTS: REPLICA_SETS, REPLICA_SETS: PODS}.get(target.resource)
        for obj in owners.owned_by(self.store, child, old) if child else []:
            left = {key: value for key, value in obj["metadata"].items() if key != "ownerReferences"}
            self.store.put(child, obj | {"metadata": left}, manager) if child else None

    def delete_collection(self, target: Target, request: Request, chosen: list[Obj]) -> Obj:
        """Delete every chosen object; the answer is a Status."""
        for obj in chosen:
            metadata = obj["metadata"]
            one = Target(target.resource, metadata.get("namespace", ""), metadata["name"])
            self.delete(one, request)
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def dry(request: Request) -> bool:
    """Tell whether nothing shall be persisted."""
    return request.query.get("dryRun") == "All"


def decode_body(target: Target, body: Any) -> Obj:
    """Read a whole object from a request.

    Raises:
        ApiError: 400, the wrong kind or a value of the wrong type.
    """
    resource = target.resource
    if isinstance(body, dict):
        wanted, found = resource.kind, body.get("kind") or resource.kind
        if found != wanted or (body.get("apiVersion") or resource.api_version) != resource.api_version:
            words = f"the API version in the data ({body.get('apiVersion')}, {found}) does not match the expected"
            raise statuses.bad_request(f"{words} API version ({resource.api_version}, {wanted})")
    try:
        new = schema.decode(resource.model, body)
    except schema.DecodeError as error:
        words = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: {error}'
        raise statuses.bad_request(words) from error
    return new | {"apiVersion": resource.api_version, "kind": resource.kind}


def decode_patched(model: str, patched: Any) -> Obj:
    """Read what a patch made of an object.

    Raises:
        ApiError: 422, a value of the wrong type.
    """
    try:
        return schema.decode(model, patched)
    except schema.DecodeError as error:
        cause = Cause("patch", f"Invalid value: {patched}: {error}")
        raise statuses.invalid(Subject("", kind=""), [cause]) from error


def check_manager(request: Request) -> None:
    """Demand a field manager, as server-side apply does.

    Raises:
        ApiError: 400.
    """
    if not request.query.get("fieldManager"):
        words = "fieldManager: Required value: is required for apply patch"
        raise statuses.bad_request(f"PatchOptions.meta.k8s.io is invalid: {words}")


def check_fields(target: Target, request: Request, body: Any) -> None:
    """Refuse unknown fields where the request is validated strictly; otherwise they are dropped.

    Raises:
        ApiError: 422 for a patch, 400 for a whole object.
    """
    if request.query.get("fieldValidation") != "Strict":
        return
    unknown = schema.find_unknown(target.resource.model, body)
    if not unknown:
        return
    words = "strict decoding error: " + ", ".join(f'unknown field "{path}"' for path in unknown)
    if request.method == "PATCH":
        raise statuses.invalid(target.subject, [Cause("patch", f"Invalid value: {words}")])
    resource = target.resource
    raise statuses.bad_request(f'{resource.kind} in version "{resource.version}" cannot be handled: {words}')


def check_patched_identity(subject: Subject, old: Obj, patched: Any) -> None:
    """Refuse a patch that sets what only the server sets. A PUT is answered in another way: see `check_identity`.

    Raises:
        ApiError: 422 for another uid, 500 for a resourceVersion that is no number.
    """
    metadata = patched.get("metadata") if isinstance(patched, dict) else None
    metadata = metadata if isinstance(metadata, dict) else {}
    uid, version = metadata.get("uid"), metadata.get("resourceVersion")
    if uid is not None and uid != old["metadata"]["uid"]:
        raise statuses.invalid(subject, [Cause("metadata.uid", f'Invalid value: "{uid}": field is immutable')])
    if isinstance(version, str) and version and not version.isdecimal():
        raise statuses.internal(f'strconv.ParseUint: parsing "{version}": invalid syntax')


def check_identity(subject: Subject, old: Obj, metadata: Mapping[str, Any]) -> None:
    """Compare name, uid and resourceVersion of a write with what is stored.

    Raises:
        ApiError: 400 for another name, 409 for a stale resourceVersion or another uid.
    """
    stored = old["metadata"]
    if metadata.get("name", stored["name"]) != stored["name"]:
        words = f"the name of the object ({metadata['name']}) does not match the name on the URL ({stored['name']})"
        raise statuses.bad_request(words)
    if metadata.get("namespace", stored.get("namespace")) != stored.get("namespace"):
        raise _other_namespace()
    if metadata.get("uid", stored["uid"]) != stored["uid"]:
        words = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {stored['uid']}"
        raise statuses.conflict(subject, words)
    if metadata.get("resourceVersion", stored["resourceVersion"]) != stored["resourceVersion"]:
        raise statuses.conflict(subject)


def _other_namespace() -> statuses.ApiError:
    words = "the namespace of the provided object does not match the namespace sent on the request"
    return statuses.bad_request(words)


def _admit(subject: Subject, new: Obj, old: Obj | None) -> None:
    kind = new["kind"]
    needs_spec = kind in ("Deployment", "ReplicaSet", "Pod", "Service")
    if needs_spec:
        new.setdefault("spec", {})
    if kind == "Deployment":
        new["spec"].setdefault("template", {})
    defaults.fill_in(kind, new)
    if causes := validation.check(kind, new, old):
        raise statuses.invalid(subject, causes)


def _delete_options(request: Request) -> dict[str, Any]:
    body = request.json() if request.body.strip() not in (b"", b"null") else {}
    options = dict(body) if isinstance(body, dict) else {}
    if (grace_s := request.natural("gracePeriodSeconds")) is not None:
        options["gracePeriodSeconds"] = grace_s
    if "propagationPolicy" in request.query:
        options["propagationPolicy"] = request.query["propagationPolicy"]
    return options


def _check_preconditions(subject: Subject, old: Obj, wanted: Mapping[str, Any]) -> None:
    for key in ("uid", "resourceVersion"):
        stored = old["metadata"][key]
        if wanted.get(key, stored) != stored:
            words = f"Precondition failed: {key} in precondition: {wanted[key]}, in object meta: {stored}"
            raise statuses.conflict(subject, words)

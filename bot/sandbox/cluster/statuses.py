"""Builds the API server's refusals: `Status` objects with the code, reason and details of the real one."""

from dataclasses import dataclass
from typing import Any

Obj = dict[str, Any]


@dataclass(frozen=True)
class Cause:
    """One violated rule of a 422: `field` is a path like ``spec.replicas``."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"

    def to_json(self) -> Obj:
        """Write it as the server does."""
        return {"reason": self.reason, "message": self.message, "field": self.field}


@dataclass(frozen=True)
class Subject:
    """The object a refusal is about. `plural` and `group` as in the path, `kind` as in the object."""

    plural: str
    group: str = ""
    kind: str = ""
    name: str = ""

    @property
    def qualified(self) -> str:
        """``deployments.apps``, or ``pods`` in the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        """``Deployment.apps``, or ``Pod`` in the core group."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    def details(self, kind: str = "") -> Obj:
        """The `details` of a Status, empty fields left out."""
        fields = {"name": self.name, "group": self.group, "kind": kind or self.plural}
        return {key: value for key, value in fields.items() if value}


class ApiError(Exception):
    """A refusal; `code` is the HTTP status, `reason` the machine-readable word."""

    def __init__(self, code: int, reason: str, message: str, details: Obj | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details or {}

    def to_status(self) -> Obj:
        """Write the `Status` object."""
        status: Obj = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        status |= {"message": self.message, "reason": self.reason, "details": self.details, "code": self.code}
        return {key: value for key, value in status.items() if value or key not in ("details", "reason")}


def success(subject: Subject, uid: str) -> Obj:
    """The Status a completed deletion answers with."""
    details = subject.details() | {"uid": uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def not_found(subject: Subject) -> ApiError:
    """404 for an object."""
    return ApiError(404, "NotFound", f'{subject.qualified} "{subject.name}" not found', subject.details())


def no_such_path() -> ApiError:
    """404 for a path that names no resource."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def already_exists(subject: Subject) -> ApiError:
    """409 for a create."""
    return ApiError(409, "AlreadyExists", f'{subject.qualified} "{subject.name}" already exists', subject.details())


def conflict(subject: Subject, why: str = "") -> ApiError:
    """409 for a stale resourceVersion, or for a failed precondition `why`."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {subject.qualified} "{subject.name}": {why}'
    return ApiError(409, "Conflict", message, subject.details())


def invalid(subject: Subject, causes: list[Cause]) -> ApiError:
    """422 with one cause per violated rule."""
    rules = [f"{cause.field}: {cause.message}" for cause in causes]
    text = rules[0] if len(rules) == 1 else f"[{', '.join(rules)}]"
    details = subject.details(subject.kind) | {"causes": [cause.to_json() for cause in causes]}
    return ApiError(422, "Invalid", f'{subject.qualified_kind} "{subject.name}" is invalid: {text}', details)


def unprocessable() -> ApiError:
    """422 for a JSON patch whose operation does not apply (a failed test, a missing path)."""
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request")


def internal(message: str) -> ApiError:
    """500 without a reason: the server did not expect what it was sent."""
    return ApiError(500, "", message)


def bad_request(message: str) -> ApiError:
    """400."""
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    """401 for a missing or wrong bearer token."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(subject: Subject, user: str, verb: str, namespace: str) -> ApiError:
    """403 with the sentence RBAC writes."""
    where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
    what = f'{subject.qualified} "{subject.name}"' if subject.name else subject.qualified
    request = f'cannot {verb} resource "{subject.plural}" in API group "{subject.group}"{where}'
    message = f'{what} is forbidden: User "{user}" {request}'
    return ApiError(403, "Forbidden", message, subject.details())


def over_quota(pod: str) -> ApiError:
    """403 with the sentence of the ResourceQuota admission."""
    words = f'pods "{pod}" is forbidden: exceeded quota: sandbox, requested: pods=1, used: pods=5, limited: pods=5'
    return ApiError(403, "Forbidden", words, {"name": pod, "kind": "pods"})


def method_not_allowed() -> ApiError:
    """405."""
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def unsupported_media_type(accepted: list[str]) -> ApiError:
    """415 naming the content types that would do."""
    types = ", ".join(accepted)
    message = f"the body of the request was in an unknown format - accepted media types include: {types}"
    return ApiError(415, "UnsupportedMediaType", message)


def expired(message: str) -> ApiError:
    """410 for a resourceVersion the server no longer remembers."""
    return ApiError(410, "Expired", message)


_OUTAGES = {
    429: ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
    500: ("InternalError", "Internal error occurred: etcdserver: leader changed"),
    502: ("BadGateway", "Bad Gateway"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: ("Timeout", "request did not complete within the allotted timeout"),
}


def outage(code: int) -> ApiError:
    """A 5xx (or 429) the server itself is to blame for."""
    reason, message = _OUTAGES.get(code, ("InternalError", "Internal error occurred"))
    return ApiError(code, reason, message, {"retryAfterSeconds": 1} if reason == "TooManyRequests" else None)

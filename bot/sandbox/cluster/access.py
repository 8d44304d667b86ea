"""Authorizes requests by a Role's rules and a deny list, and answers SelfSubjectAccessReview from them."""

from collections.abc import Sequence

from bot.sandbox.cluster import statuses
from bot.sandbox.cluster.faults import Asked, FaultBoard
from bot.sandbox.cluster.rbac import Rule, is_allowed
from bot.sandbox.cluster.requests import Target
from bot.sandbox.cluster.statuses import Obj

USER = "system:serviceaccount:backstop:backstop"


class Access:
    """One user, allowed what the rules say, everything without rules, but what ``forbidden`` faults take away."""

    def __init__(self, token: str, faults: FaultBoard) -> None:
        self._token, self._faults = token, faults
        self.rules: Sequence[Rule] | None = None

    def authenticate(self, authorization: str) -> str:
        """Name the user of an ``Authorization`` header.

        Raises:
            ApiError: 401.
        """
        if authorization != f"Bearer {self._token}":
            raise statuses.unauthorized()
        return USER

    def authorize(self, target: Target, asked: Asked) -> None:
        """Let a request pass.

        Raises:
            ApiError: 403.
        """
        if self.denies(asked):
            raise statuses.forbidden(target.subject, USER, asked.verb, asked.namespace)

    def denies(self, asked: Asked) -> bool:
        """Tell whether no rule, or a ``forbidden`` fault, covers it; a resource covers subresources only if named."""
        if self.rules is not None and not is_allowed(self.rules, asked):
            return True
        return any(fault.hits(asked) for fault in self._faults.active("forbidden"))

    def review(self, body: Obj) -> Obj:
        """Answer a SelfSubjectAccessReview."""
        wanted = body.get("spec", {}).get("resourceAttributes", {})
        plural = "/".join(filter(None, (wanted.get("resource", ""), wanted.get("subresource", ""))))
        asked = Asked(wanted.get("verb", ""), plural, wanted.get("namespace", ""), wanted.get("name", ""), "")
        denied = self.denies(asked)
        status = {"allowed": not denied} | ({"reason": "denied by the sandbox"} if denied else {})
        kind = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1"}
        return {**kind, "metadata": {}, "spec": body.get("spec", {}), "status": status}

"""Translates the API server's refusals into errors a person can act on."""

import json
import re
from typing import Any

from bot.errors import BotError, PermanentError, RefusedError, TemporaryError

CONFLICT = "cluster-conflict"
_EXCERPT_CHARS = 200
# RBAC's own sentence. Quotas, policies, webhooks and pod security refuse with 403, too, each in its own words.
_BY_RBAC = re.compile(r"User \"[^\"]*\" cannot |^(?:Unauthorized|Forbidden)$")
_TOKEN = re.compile(r"eyJ[\w-]+(?:\.[\w-]+)*|Bearer\s+\S+")


def refusal(status: int, body: bytes, what: str) -> BotError:
    """Translate an unsuccessful answer; `what` names the request, e.g. ``get deployments api in namespace prod``."""
    answer = read_status(body) or {}
    words = str(answer.get("message") or "")
    if status == 401 or (status == 403 and (not words or _BY_RBAC.search(words))):  # noqa: PLR2004 -- HTTP's own numbers
        return RefusedError(
            "cluster-forbidden",
            f"The API server refused: {what} ({answer.get('reason') or status}).",
            "Check the bot's token and its Role in that namespace.",
        )
    if _is_denied(status, answer):
        return PermanentError(
            "cluster-denied",
            f"The cluster does not allow it: {what}. It says: {shown(words)}",
            "A policy, a quota or a webhook of the cluster says so: change that, or what it objects to.",
        )
    if status == 404:  # noqa: PLR2004 -- HTTP's own number
        return PermanentError(
            "workload-not-found",
            f"Not found: {what}.",
            "Correct the environment's cluster section; both the namespace and the name must be right.",
        )
    if status == 409:  # noqa: PLR2004 -- HTTP's own number
        return TemporaryError(CONFLICT, f"Somebody else changed it at the same time: {what}.", "Try again.")
    if status == 429 or status >= 500:  # noqa: PLR2004 -- HTTP's own numbers
        return unavailable(what, f"{status} {answer.get('reason', '')}".strip(), _seconds(answer))
    return PermanentError(
        "cluster-refused",
        f"The API server refused: {what} ({status} {_faults(answer)}).",
        "This is a fault of the bot.",
    )


def unavailable(what: str, why: str, retry_after_s: float | None = None) -> TemporaryError:
    """Report that the API server does not answer, or answers "later"."""
    return TemporaryError(
        "cluster-unavailable",
        f"The API server does not answer: {what} ({why}).",
        "Try again in a moment; if it lasts, check that the API server can be reached.",
        retry_after_s=retry_after_s,
    )


def is_conflict(error: Exception) -> bool:
    """Tell whether to read and decide again."""
    return isinstance(error, TemporaryError) and error.reference == CONFLICT


def read_status(body: bytes) -> dict[str, Any] | None:
    """Read a `Status` object; None when it is something else (a pod's own answer, a load balancer's page)."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    is_status = isinstance(answer, dict) and answer.get("kind") == "Status" and answer.get("apiVersion") == "v1"
    return answer if is_status else None


def _is_denied(status: int, answer: dict[str, Any]) -> bool:
    """Tell a refusal by admission from one by validation: a cause of validation names a field."""
    if status == 403:  # noqa: PLR2004 -- HTTP's own number
        return True
    causes = (answer.get("details") or {}).get("causes") or ()
    denied = " denied " in str(answer.get("message") or "")
    return status in {400, 422} and denied and not any(cause.get("field") for cause in causes)


def shown(words: str) -> str:
    """Show the server's own words: whose policy it is stands nowhere else. Never a token, and no line breaks."""
    text = " ".join(_TOKEN.sub("…", words).split())
    return text[:_EXCERPT_CHARS].rstrip(".") + ("…" if len(text) > _EXCERPT_CHARS else ".")


def _seconds(answer: dict[str, Any]) -> float | None:
    found = (answer.get("details") or {}).get("retryAfterSeconds")
    return float(found) if found else None


def _faults(answer: dict[str, Any]) -> str:
    # The fields only: a cause's message quotes the value, and a pod template's values may be secrets.
    causes = (answer.get("details") or {}).get("causes") or ()
    fields = ", ".join(str(cause.get("field", "")) for cause in causes)
    return f"{answer.get('reason', '')} {fields}".strip()[:_EXCERPT_CHARS]

"""Refuses requests that the bot has not taken in: inserted, changed, copied or set back in the state database."""

from datetime import timedelta

from bot.domain.signing import SignatureState
from bot.engine.alarms import raise_alarm
from bot.engine.approvals.signatures import check_request
from bot.engine.context import Services
from bot.engine.requests import REQUEST_TYPES, CastVote, OpenHome, read_audience
from bot.errors import PermanentError
from bot.ports import AuditEntry, Claim, Request
from bot.ports.journal import HANDLED

MAX_AGE = timedelta(hours=12)
"""A person's request that nobody could handle for so long is not what they want any more."""
MAX_JOB_AGE = timedelta(days=7)
"""Jobs and drills take hours, and are taken up again."""
WRONG = {
    SignatureState.UNSIGNED: "has no signature: an earlier version of Backstop wrote it, or somebody else",
    SignatureState.UNKNOWN_KEY: "is signed with a key that this bot does not have",
    SignatureState.WRONG: "has a signature that is not its own: somebody has changed or copied it",
}
"""What is wrong with a row, by the state of its signature."""


def refuse_tampered(services: Services, claim: Claim) -> str:
    """Check where a request comes from; returns the problem with which it is finished, "" for none.

    Nothing in a forged row is used, not even to answer: its response_url may be anybody's.
    """
    stored = claim.request
    found = check_request(services.keyring, stored)
    if found is not SignatureState.VALID:
        return _alarm(services, stored, WRONG[found])
    if claim.handled:
        return _alarm(services, stored, "was handled before, and somebody has set it back")
    return _refuse_old(services, stored)


def handled(request: Request, problem: str) -> AuditEntry | None:
    """Write the line for the log that keeps a request from being handled twice, and says what was refused.

    None for one that may be handled again.
    """
    request_type = REQUEST_TYPES.get(request.kind)
    if request_type is None or request_type.reads_only or request_type is OpenHome:
        return None
    if request_type is CastVote and not problem:
        return None  # the vote itself is recorded with its request's id
    details = {"request": request.id, "kind": request.kind, "problem": problem.partition(":")[0]}
    return AuditEntry(read_audience(request).user_id or "backstop", HANDLED, details)


def _alarm(services: Services, stored: Request, wrong: str) -> str:
    what = f"Request {stored.id[:60]} ({stored.kind[:40]}) in the state database {wrong}. Nothing was done."
    details = {"request": stored.id[:200], "kind": stored.kind[:200], "wrong": wrong}
    services.journal.audit.append("", "backstop", "forged-request", details)
    hint = "Ask again for what was requested while Backstop was upgraded. Else find out who writes there."
    error = PermanentError("forged-request", what, hint)
    raise_alarm(services, error.reference, f"{what} {hint}")
    return f"{error.reference}: {wrong}"


def _refuse_old(services: Services, stored: Request) -> str:
    request_type = REQUEST_TYPES.get(stored.kind)
    limit = MAX_JOB_AGE if request_type is not None and request_type.is_job else MAX_AGE
    if stored.taken_at is None or services.clock.now() - stored.taken_at <= limit:
        return ""
    error = PermanentError(
        "request-too-old",
        f"Backstop could not deal with your request ({stored.kind[:40]}) for {limit.total_seconds() / 3600:.0f} hours. "
        "Nothing was done.",
        "Ask again if it is still needed.",
    )
    audience = read_audience(stored)
    if audience.user_id and request_type is not OpenHome:
        services.answers.refuse(audience, error)
    return str(error)

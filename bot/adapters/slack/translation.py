"""slack_sdk's exceptions as ours."""

import http.client
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import HTTPError

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse

from bot.errors import BotError, PermanentError, TemporaryError

_RATE_LIMITED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_PASSING = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org", "accesslimited"}
)
_WAIT_S = 30.0
_SECONDS = re.compile(r"\d{1,5}(\.\d+)?", re.ASCII)
_TOO_MANY = 429
_SERVER_ERROR = 500


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever a Web API call raises into a `BotError`, the original chained as its cause.

    Raises:
        TemporaryError: ``slack-rate-limited`` with Slack's own `retry_after_s`, ``slack-unavailable``,
            ``slack-unreachable``.
        PermanentError: ``slack-…``: Slack's own error, e.g. ``slack-channel-not-found``.
    """
    try:
        yield
    except SlackApiError as error:
        raise _refused(error.response) from error
    except (OSError, http.client.HTTPException, ValueError, SlackClientError) as error:
        # ValueError: an answer cut off in the middle of its JSON. HTTPError: a file's bytes were refused; slack_sdk
        # leaves its connection open.
        if isinstance(error, HTTPError):
            error.close()
        raise TemporaryError(
            "slack-unreachable", "Slack could not be reached.", "The message is kept and sent later."
        ) from error


def error_of(error: BotError) -> str:
    """Name Slack's own error behind one of ours, e.g. ``message_not_found``; "" where there is none."""
    cause = error.__cause__
    return str(cause.response.get("error", "")) if isinstance(cause, SlackApiError) else ""


def retry_after_s(headers: object) -> float:
    """Read ``Retry-After``, whatever its case; `_WAIT_S` where it says nothing sensible."""
    pairs = headers.items() if hasattr(headers, "items") else ()
    value = next((value for name, value in pairs if str(name).lower() == "retry-after"), "")
    text = str(value[0] if isinstance(value, list) and value else value)
    return float(text) if _SECONDS.fullmatch(text) else _WAIT_S


def _refused(response: SlackResponse) -> BotError:
    # Slack answers with an HTML page when it is down: then `error` is slack_sdk's sentence about it, not a name.
    name = str(response.get("error") or "unknown_error")
    if response.status_code == _TOO_MANY or name in _RATE_LIMITED:
        wait_s = retry_after_s(response.headers)
        return TemporaryError("slack-rate-limited", f"Slack asks for {wait_s:.0f} s of silence.", retry_after_s=wait_s)
    if response.status_code >= _SERVER_ERROR or name in _PASSING or not name.replace("_", "").isalnum():
        return TemporaryError("slack-unavailable", "Slack is having trouble.", "The message is kept and sent later.")
    needed = f" The missing scope is {response.get('needed')}." if name == "missing_scope" else ""
    return PermanentError(
        f"slack-{name.replace('_', '-')}",
        f"Slack refused it: {name}.{needed}",
        "See docs/errors.md; scopes and channel membership are the usual causes.",
    )

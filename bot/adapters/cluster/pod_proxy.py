"""Asking pods by HTTP, through the API server."""

from urllib.parse import quote

from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError
from urllib3.exceptions import TimeoutError as HttpTimeoutError

from bot.adapters.cluster.api import Answer, path_of
from bot.adapters.cluster.failures import read_status, refusal, unavailable
from bot.adapters.cluster.namespace import CORE, Namespace
from bot.domain.environments import HttpCheck
from bot.domain.workloads import HttpAnswer

EXCERPT_CHARS = 300
_LIMIT_BYTES = 4 * EXCERPT_CHARS  # UTF-8's longest
_PATH_SAFE = "/?&=%:@!$'()*+,;~"


def ask_pod(namespace: Namespace, pod: str, check: HttpCheck) -> HttpAnswer:
    """GET the check's path from one pod; status 0 when the pod gave no answer within the check's time.

    Raises:
        PermanentError: ``cluster-forbidden``: the API server, not the pod, refused.
        TemporaryError: ``cluster-unavailable``: the API server cannot be reached.
    """
    root = path_of(CORE, namespace.name, "pods", f"{pod}:{check.port}", "proxy")
    what = f"get pods/proxy {pod} in namespace {namespace.name}"
    try:
        answer = namespace.api.raw(
            f"{root}/{quote(check.path.lstrip('/'), safe=_PATH_SAFE)}",
            timeout_s=check.timeout_s,
            limit_bytes=_LIMIT_BYTES,
        )
    except HTTPError as error:
        if _is_servers(error):
            raise unavailable(what, type(error).__name__) from error
        return HttpAnswer(pod, 0, _silence(error, check))
    return _read(pod, answer, what)


def _read(pod: str, answer: Answer, what: str) -> HttpAnswer:
    status = read_status(answer.body) if answer.status >= 400 else None  # noqa: PLR2004 -- HTTP's own number
    if status is None:
        return HttpAnswer(pod, answer.status, answer.body.decode(errors="replace")[:EXCERPT_CHARS])
    # A Status object is the API server speaking, not the pod: it may not, or it could not reach the pod.
    if answer.status in {401, 403}:
        raise refusal(answer.status, answer.body, what)
    return HttpAnswer(pod, 0, str(status.get("message", ""))[:EXCERPT_CHARS])


def _is_servers(error: HTTPError) -> bool:
    """Whether the API server itself could not be reached, so that nothing is known of the pod."""
    reason = error.reason if isinstance(error, MaxRetryError) else error
    return isinstance(reason, (NewConnectionError, ConnectTimeoutError))


def _silence(error: HTTPError, check: HttpCheck) -> str:
    reason = error.reason if isinstance(error, MaxRetryError) else error
    if isinstance(reason, HttpTimeoutError):
        return f"no answer within {check.timeout_s:g} s"
    return f"the connection broke ({type(reason).__name__})"

"""Asks pods by HTTP, through the API server's proxy."""

from urllib.parse import quote

from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError
from urllib3.exceptions import TimeoutError as HttpTimeoutError

from bot.adapters.cluster.api import CORE, Answer, Namespace, build_path
from bot.adapters.cluster.failures import read_status, refusal, unavailable
from bot.domain.environments import HttpCheck
from bot.domain.workloads import HttpAnswer

EXCERPT_CHARS = 300
_LIMIT_BYTES = 4 * EXCERPT_CHARS  # UTF-8's longest character has 4
_PATH_SAFE = "/?&=%:@!$'()*+,;~"


def ask_pod(namespace: Namespace, pod: str, check: HttpCheck) -> HttpAnswer:
    """GET the check's path from one pod; status 0 when the pod did not answer within the check's time.

    Raises:
        PermanentError: ``cluster-forbidden``: the API server, not the pod, refused.
        TemporaryError: ``cluster-unavailable``: the API server cannot be reached.
    """
    root = build_path(CORE, namespace.name, "pods", f"{pod}:{check.port}", "proxy")
    what = f"get pods/proxy {pod} in namespace {namespace.name}"
    try:
        answer = namespace.api.raw(
            f"{root}/{quote(check.path.lstrip('/'), safe=_PATH_SAFE)}",
            timeout_s=check.timeout_s,
            limit_bytes=_LIMIT_BYTES,
        )
    except HTTPError as error:
        if isinstance(_reason(error), (NewConnectionError, ConnectTimeoutError)):  # nothing is known of the pod
            raise unavailable(what, type(error).__name__) from error
        return HttpAnswer(pod, 0, _explain(error, check))
    return _read(pod, answer, what)


def _read(pod: str, answer: Answer, what: str) -> HttpAnswer:
    status = read_status(answer.body) if answer.status >= 400 else None  # noqa: PLR2004 -- HTTP's own number
    if status is None:
        return HttpAnswer(pod, answer.status, answer.body.decode(errors="replace")[:EXCERPT_CHARS])
    # A Status object comes from the API server, not from the pod: it refused, or it could not reach the pod.
    if answer.status in {401, 403}:
        raise refusal(answer.status, answer.body, what)
    return HttpAnswer(pod, 0, str(status.get("message", ""))[:EXCERPT_CHARS])


def _reason(error: HTTPError) -> Exception | None:
    return error.reason if isinstance(error, MaxRetryError) else error


def _explain(error: HTTPError, check: HttpCheck) -> str:
    reason = _reason(error)
    if isinstance(reason, HttpTimeoutError):
        return f"no answer within {check.timeout_s:g} s"
    return f"the connection broke ({type(reason).__name__})"

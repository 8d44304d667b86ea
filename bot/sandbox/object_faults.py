"""Injects faults into the object store as a WSGI layer: errors, delays, broken connections."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug import Request, Response
from werkzeug.wsgi import ClosingIterator

from bot.errors import PermanentError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

KINDS = ("5xx", "denied", "delay", "drop", "garble")


@dataclass
class Fault:
    """A failure, and the requests it hits.

    Attributes:
        kind: ``5xx`` answers an error, ``denied`` that it is not allowed, ``delay`` waits first, ``drop`` closes the
            connection midway, ``garble`` answers other bytes than were stored, as many.
        method: only requests with this HTTP method; empty for all.
        key_prefix: only objects whose key begins so; empty for all requests, those about buckets too.
        query: only requests with this parameter, e.g. ``versions``; empty for all.
        times: how many requests it hits, 1 or more; None until cleared.
        status: of ``5xx``, 500-599; 503 is S3's SlowDown, anything else its InternalError.
        delay_s: of ``delay``, seconds.
        after_bytes: of ``drop``, counted over the request's body and then the answer's. So a drop at the body's size
            carries the request out and loses the answer.

    """

    kind: str
    method: str = ""
    key_prefix: str = ""
    query: str = ""
    times: int | None = None
    status: int = 503
    delay_s: float = 1.0
    after_bytes: int = 0

    def __post_init__(self) -> None:
        """Refuse what could never do anything."""
        if self.kind not in KINDS:
            raise _refusal(f"{self.kind!r} is no kind of fault.", f"Kinds are {', '.join(KINDS)}.")
        if self.times is not None and self.times < 1:
            raise _refusal(f"times is {self.times}.", "Say 1 or more, or leave it out for every request.")
        if not 500 <= self.status <= 599 or self.delay_s < 0 or self.after_bytes < 0:  # noqa: PLR2004 - HTTP's own range
            raise _refusal("A figure is out of range.", "status is 500-599; delay_s and after_bytes are 0 or more.")

    def hits(self, request: Request) -> bool:
        """Tell whether a request is meant."""
        key = request.path.lstrip("/").partition("/")[2]
        is_asked = not self.query or self.query in request.args
        of_method = self.method.upper() in ("", request.method)
        return self.times != 0 and of_method and is_asked and key.startswith(self.key_prefix)


class FaultLayer:
    """A WSGI application around another that injects faults; the first that matches a request is applied."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._cleared = threading.Event()

    def add(self, spec: Mapping[str, Any]) -> None:
        """Add a fault from its fields.

        Raises:
            PermanentError: ``bad-fault`` for an unknown field, kind or figure.

        """
        try:
            fault = Fault(**spec)
        except TypeError as error:
            raise _refusal(
                f"A fault cannot be made of {sorted(spec)}.", f"Fields are {[*Fault.__annotations__]}."
            ) from error
        with self._lock:
            self._cleared.clear()
            self._faults.append(fault)

    def clear(self) -> None:
        """Forget all faults; requests held by a delay go on at once."""
        with self._lock:
            self._faults.clear()
            self._cleared.set()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request, with the first fault that matches it."""
        request = Request(environ)
        fault = self._take(request)
        if fault is None:
            return self._app(environ, start_response)
        if fault.kind == "5xx":
            return error_response(fault.status)(environ, start_response)
        if fault.kind == "denied":
            return error_response(403, "AccessDenied", "Access Denied")(environ, start_response)
        if fault.kind == "delay":
            self._cleared.wait(fault.delay_s)
            return self._app(environ, start_response)
        if fault.kind == "garble":
            answer = self._app(environ, start_response)
            return ClosingIterator(_garbled(answer), getattr(answer, "close", None))
        return self._drop(fault.after_bytes, request, start_response)

    def _take(self, request: Request) -> Fault | None:
        with self._lock:
            fault = next((fault for fault in self._faults if fault.hits(request)), None)
            if fault is not None and fault.times is not None:
                fault.times -= 1
            return fault

    def _drop(self, after_bytes: int, request: Request, start_response: "StartResponse") -> Iterable[bytes]:
        body_bytes = request.content_length or 0
        if after_bytes < body_bytes:
            request.environ["wsgi.input"].read(after_bytes)
            raise _hang_up(request)
        answer = self._app(request.environ, start_response)
        cut = _cut(answer, after_bytes - body_bytes, lambda: _hang_up(request))
        return ClosingIterator(cut, getattr(answer, "close", None))


def error_response(status: int, code: str = "", message: str = "") -> Response:
    """Return an error as S3 words it; the code follows from the status where none is given."""
    code = code or ("SlowDown" if status == 503 else "InternalError")  # noqa: PLR2004 - S3's own pairing
    message = message or "Please reduce your request rate or try again."
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(body, status, content_type="application/xml")


def _cut(answer: Iterable[bytes], size_bytes: int, hang_up: Callable[[], Exception]) -> Iterator[bytes]:
    left = size_bytes
    for part in answer if left else ():  # nothing left: not even the headers go out
        yield part[:left]
        left -= len(part[:left])
        if not left:
            break
    raise hang_up()


def _garbled(answer: Iterable[bytes]) -> Iterator[bytes]:
    for part in answer:
        yield bytes([part[0] ^ 1]) + part[1:] if part else part


def _hang_up(request: Request) -> ConnectionAbortedError:
    """Close the client's connection; the error that it returns ends the request quietly when raised."""
    request.environ["werkzeug.socket"].shutdown(2)
    return ConnectionAbortedError("dropped by a fault")


def _refusal(message: str, hint: str) -> PermanentError:
    return PermanentError("bad-fault", message, hint)

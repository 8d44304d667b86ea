"""A server that gives prepared answers over real sockets, for what no healthy API server would say."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Canned:
    """What to answer, and what was asked. `delay_s` is waited first; `hang_up` closes without an answer;
    `trickle_s` is the pause after each byte of the body.
    """

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    hang_up: bool = False
    trickle_s: float = 0.0
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""


def status_object(code: int, reason: str = "", message: str = "", **details: Any) -> bytes:
    """A `Status`."""
    answer = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    return json.dumps(answer | {"reason": reason, "message": message, "details": details}).encode()


@contextmanager
def serve() -> Iterator[Canned]:
    """Listen on loopback while the context lasts."""
    canned = Canned()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            canned.requests.append((self.command, self.path, dict(self.headers), sent))
            time.sleep(canned.delay_s)
            if canned.hang_up:
                self.close_connection = True
                return
            self.send_response(canned.status)
            for name, value in {"Content-Length": str(len(canned.body)), **canned.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):  # the client has given up
                for piece in [bytes([byte]) for byte in canned.body] if canned.trickle_s else [canned.body]:
                    self.wfile.write(piece)
                    time.sleep(canned.trickle_s)

        do_GET = do_PATCH = do_POST = answer  # noqa: N815 -- the base class's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    canned.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield canned
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

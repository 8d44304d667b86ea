"""Runs the HTTP server: one thread per connection, streams, and connections that can be cut."""

import logging
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bot.sandbox.cluster.api import ConnectionReset
from bot.sandbox.cluster.requests import Request, Response

_LOG = logging.getLogger(__name__)
_RST_ON_CLOSE = struct.pack("ii", 1, 0)

Handle = Callable[[Request], Response]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sandbox-cluster"
    wbufsize = -1  # head and body leave in one packet
    disable_nagle_algorithm = True
    server: "HttpServer"

    def serve(self) -> None:
        """Answer any method."""
        try:
            response = self.server.handle(self._read())
        except ConnectionReset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
            self.close_connection = True
            self.server.mark_reset(self.connection)
            return
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if isinstance(response.body, bytes):
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else response.body)
        else:
            self._stream(response.body)

    def _read(self) -> Request:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        headers[":query"] = parts.query
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        return Request(self.command, parts.path, query, headers, body)

    def _stream(self, pieces: Iterator[bytes]) -> None:
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        for piece in pieces:
            if piece:
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                self.wfile.flush()
            elif self._is_gone():
                self.close_connection = True
                return
        self.wfile.write(b"0\r\n\r\n")

    def _is_gone(self) -> bool:
        readable, _, _ = select.select([self.connection], [], [], 0)
        return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base class names it so
        """Keep quiet unless someone debugs."""
        _LOG.debug(format, *args)


for _method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
    setattr(_Handler, f"do_{_method}", _Handler.serve)


class HttpServer(ThreadingHTTPServer):
    """Serves on loopback; `stop` cuts every connection and joins every thread."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, port: int, handle: Handle) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.handle = handle
        self._open: set[socket.socket] = set()
        self._reset: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="cluster-http")

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns when no thread and no socket is left."""
        self._stopping.set()
        socket.create_connection(
            ("127.0.0.1", self.server_address[1])
        ).close()  # wakes the accepting thread, which polls nothing
        self._thread.join()
        with self._guard:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    _LOG.debug("connection was closed already")
        self.server_close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            self.handle_request()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, so that `stop` can cut it."""
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def mark_reset(self, connection: socket.socket) -> None:
        """Have this connection end with a reset instead of a goodbye."""
        with self._guard:
            self._reset.add(connection)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._guard:
            self._open.discard(request)
            reset = request in self._reset
            self._reset.discard(request)
        if reset:
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 -- the base class's signature
        """A client that went away is nothing; anything else is a bug to be seen."""
        import sys

        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            _LOG.exception("cluster emulator failed to answer")

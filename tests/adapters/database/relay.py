"""A TCP relay in front of a server, to lose a connection at a chosen word."""

import socket
import threading
from types import TracebackType
from typing import Self

from bot.sandbox.postgres import LOOPBACK


class Relay:
    """Passes bytes on until a client sends `word`; then both sides are cut, and no answer comes back.

    Args:
        port: the server's.
        word: e.g. ``COMMIT``.
        deliver: whether the server still gets the word.
    """

    def __init__(self, port: int, word: bytes, *, deliver: bool) -> None:
        self._upstream = (LOOPBACK, port)
        self._word = word
        self._deliver = deliver
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server, lost = socket.create_connection(self._upstream), threading.Event()
            for source, sink, watched in ((client, server, True), (server, client, False)):
                thread = threading.Thread(
                    target=self._pass, args=(source, sink, lost), kwargs={"watched": watched}, daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def _pass(self, source: socket.socket, sink: socket.socket, lost: threading.Event, *, watched: bool) -> None:
        """A word that is delivered has been answered when both sides are cut: it is the answer that gets lost."""
        with source, sink:
            while True:
                try:
                    block = source.recv(65536)
                    if not block or (lost.is_set() and not watched):
                        break
                    if watched and self._word in block:
                        lost.set()
                        if not self._deliver:
                            break
                    sink.sendall(block)
                except OSError:
                    break
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

"""How a tool of PostgreSQL ended that did not do what it should."""

import re

LOCKED = re.compile("canceling statement due to (lock|statement) timeout|could not obtain lock on relation")
"""pg_dump waits for a table by `statement_timeout`, its workers do not wait at all."""
GONE = re.compile(
    r"server closed the connection|terminating connection|connection to server|could not connect|the database system is"
    r"|connection not open|no connection to the server|SSL SYSCALL|could not receive data|lost synchronization"
)


class ToolFailedError(Exception):
    """A tool ended with an error; `words` are its own, without hosts, queries and rows.

    `complaints` is everything it wrote to its error stream: not for people, it may quote rows.
    """

    def __init__(self, tool: str, words: str, *, locked: bool = False, restore_errors: str = "") -> None:
        super().__init__(tool, words)
        self.tool = tool
        self.words = words
        self.locked = locked
        self.restore_errors = restore_errors

    @property
    def gone(self) -> bool:
        """Whether the connection was lost or not given: trying again may work."""
        return GONE.search(self.restore_errors) is not None

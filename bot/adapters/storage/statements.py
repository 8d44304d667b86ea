"""Where psql ends a statement: what follows is COPY's rows, or a line that it may take for a command of its own.

At a semicolon that is neither within parentheses nor within the BEGIN … END of a function. Words are counted so that we
end none which psql would not.
"""


class Statement:
    """How deep a statement is in what a semicolon does not end, by psql's own rule or deeper."""

    def __init__(self) -> None:
        self._parentheses = 0
        self._bodies = 0
        self._seen: tuple[bytes, ...] = ()

    @property
    def may_end(self) -> bool:
        """Whether the next semicolon ends it."""
        return not self._parentheses and not self._bodies

    def note(self, token: bytes) -> None:
        """Take a parenthesis or a word in small letters."""
        if token == b"(":
            self._parentheses += 1
        elif token == b")":
            self._parentheses = max(0, self._parentheses - 1)
        elif token == b"create":
            self._seen = self._seen or (token,)
        elif token in (b"function", b"procedure"):
            self._seen = (*self._seen[:1], token) if self._seen else ()
        elif len(self._seen) > 1 and not self._parentheses:
            self._note_body(token)

    def _note_body(self, token: bytes) -> None:
        """Only a function's or a procedure's has one; a CASE ends like it."""
        if token == b"end":
            self._bodies = max(0, self._bodies - 1)
        elif token == b"begin" or self._bodies:
            self._bodies += 1

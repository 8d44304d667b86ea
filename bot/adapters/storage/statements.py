"""Tracks where psql ends a statement: COPY's rows, or a line that psql takes for a command, may follow there."""


class Statement:
    """Counts the nesting of a statement: a semicolon in parentheses or in a function's BEGIN … END does not end it.

    The count is psql's own or deeper, so that we never end a statement which psql would not.
    """

    def __init__(self) -> None:
        self._parentheses = 0
        self._bodies = 0
        self._seen: tuple[bytes, ...] = ()

    @property
    def may_end(self) -> bool:
        """Tell whether the next semicolon ends the statement."""
        return not self._parentheses and not self._bodies

    def note(self, token: bytes) -> None:
        """Take a parenthesis or a lower-case word."""
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
        """Count a function's or a procedure's body; a CASE ends like it."""
        if token == b"end":
            self._bodies = max(0, self._bodies - 1)
        elif token == b"begin" or self._bodies:
            self._bodies += 1

"""What we note on a database of ours: at the end of its comment.

Nothing else on a database is ours to write as its owner alone: a setting of our own asks for a superuser. The comment
it had before stays in front, and comes back alone when the database becomes the live one.
"""

import json
import re
from dataclasses import asdict, dataclass
from typing import Self

NOTE = re.compile(r"(?:\A|\n)-- backstop: (?P<note>\{[^\n]*\})\Z")


@dataclass(frozen=True)
class Note:
    """A note.

    Attributes:
        live: the live database it stands beside.
        noted_at: since when it is what it is; ISO 8601, UTC.
        problems: what could not be loaded as it was.
    """

    live: str
    noted_at: str
    problems: tuple[str, ...] = ()

    @classmethod
    def read(cls, comment: str | None) -> Self | None:
        """Find the note in a comment; None where it has none of ours."""
        match = NOTE.search(comment or "")
        try:
            values = json.loads(match["note"]) if match else {}
            return cls(str(values["live"]), str(values["noted_at"]), tuple(map(str, values.get("problems", ()))))
        except (ValueError, KeyError, TypeError):
            return None

    def written_under(self, comment: str | None) -> str:
        """The comment, with this note instead of any other."""
        before = without_note(comment)
        text = "-- backstop: " + json.dumps(asdict(self), ensure_ascii=False)
        return text if before is None else f"{before}\n{text}"


def without_note(comment: str | None) -> str | None:
    """A comment as it was before we noted anything; None when there was none."""
    return NOTE.sub("", comment or "") or None

"""What tools say when a load fails, judged."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.adapters.pgclient.redaction import RAISED, safe_words
from bot.adapters.pgclient.tool_errors import ToolFailedError
from bot.errors import BotError, PermanentError, TemporaryError

TOLERATED = re.compile(
    r"ERROR:  (unrecognized configuration parameter \"transaction_timeout\""
    r"|must be able to SET ROLE |must be member of role |role \"[^\n]*\" does not exist$)"
)
SAYS_NOTHING = re.compile(r"unrecognized configuration parameter")
STATEMENT = "Command was: "
ERROR = re.compile(r"^(?:pg_restore|psql(?::[^ ]*)?): (?:error: |ERROR:  )(?P<words>.*)$")
TOO_OLD = re.compile(r"unsupported version \([\d.]+\) in file header|invalid command \\restrict")
FULL = re.compile(r"No space left on device|could not extend file|disk full|Disk quota exceeded", re.IGNORECASE)
EXTENSION = re.compile(
    r"permission denied to create extension \"(?P<name>[^\"]*)\"|extension \"(?P<missing>[^\"]*)\" is not available"
)
WORDS_LENGTH = 200
WAY_OUT = (
    "Have a superuser make a database with that extension, which our role may copy, and name it as shadow_template "
    "in backstop.toml."
)


@dataclass(frozen=True)
class RestoreError:
    """An error a tool reported, and the first line of the statement it was about ("" if it did not say).

    `words` are not for people: they may quote rows. The whole as a text is.
    """

    words: str
    statement: str = ""
    raised: bool = False

    def __str__(self) -> str:
        words = (
            safe_words(self.words, raised=self.raised)
            .removeprefix("could not execute query: ")
            .removeprefix("ERROR:  ")
        )
        return f"{self.statement[:WORDS_LENGTH]}: {words[:WORDS_LENGTH]}." if self.statement else f"{words}."


def read_restore_errors(text: str) -> Sequence[RestoreError]:
    """Read the errors out of a tool's error stream."""
    found: list[RestoreError] = []
    for line in text.splitlines():
        if match := ERROR.match(line):
            found.append(RestoreError(match["words"]))
        elif found and line.startswith(STATEMENT):
            found[-1] = replace(found[-1], statement=line.removeprefix(STATEMENT).strip().removesuffix(";"))
        elif found and RAISED.search(line):
            found[-1] = replace(found[-1], raised=True)
    return found


def tolerated(error: ToolFailedError) -> Sequence[str] | None:
    """What a load goes on without, one line each: owners our role cannot give, a setting the server does not know.

    None when there is anything else.
    """
    found = read_restore_errors(error.restore_errors)
    if not found or any(not TOLERATED.search(restore_error.words) for restore_error in found):
        return None
    return [str(restore_error) for restore_error in found if not SAYS_NOTHING.search(restore_error.words)]


def load_failed(error: ToolFailedError) -> BotError:
    """Make the error for a load that failed, with the tool's own words."""
    said = error.restore_errors
    if TOO_OLD.search(said):
        return PermanentError(
            "tool-too-old",
            f"{error.tool} is older than the dump: {error.words}.",
            "Install newer PostgreSQL client tools; point pg_bin in backstop.toml at them.",
        )
    if FULL.search(said):
        return PermanentError(
            "disk-full", f"The server's disk is full: {error.words}.", "Make room, then try again. Nothing was changed."
        )
    if error.gone:
        return TemporaryError(
            "database-unreachable", f"The load was cut off: {error.words}.", "Check that the server is up."
        )
    extension = EXTENSION.search(said)
    if extension:
        return extension_refused([extension["name"] or extension["missing"]])
    return PermanentError(
        "load-failed",
        f"{error.tool} could not load the backup: {error.words}.",
        "The live database was not touched. Give our role what it lacks (docs/operations.md), or try another backup.",
    )


def extension_refused(names: Sequence[str]) -> PermanentError:
    """Make the error for extensions our role cannot make."""
    extensions = f"extension{'s' if len(names) > 1 else ''} {', '.join(names)}"
    return PermanentError(
        "load-failed",
        f"The backup needs the {extensions}, which only a superuser can make here.",
        WAY_OUT,
    )

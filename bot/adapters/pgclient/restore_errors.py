"""Classifies the errors that pg_restore and psql report while a dump is loaded."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.adapters.pgclient.redaction import RAISED, redact
from bot.adapters.pgclient.tools import ToolFailedError
from bot.errors import BotError, PermanentError, TemporaryError

TOLERATED = re.compile(
    r"ERROR:  (unrecognized configuration parameter \"transaction_timeout\""
    r"|must be able to SET ROLE |must be member of role |role \"[^\n]*\" does not exist$)"
)
UNKNOWN_SETTING = re.compile(r"unrecognized configuration parameter")
STATEMENT = "Command was: "
ERROR = re.compile(r"^(?:pg_restore|psql(?::[^ ]*)?): (?:error: |ERROR:  )(?P<raw>.*)$")
TOO_OLD = re.compile(r"unsupported version \([\d.]+\) in file header|invalid command \\restrict")
FULL = re.compile(r"No space left on device|could not extend file|disk full|Disk quota exceeded", re.IGNORECASE)
EXTENSION = re.compile(
    r"permission denied to create extension \"(?P<name>[^\"]*)\"|extension \"(?P<missing>[^\"]*)\" is not available"
)
MESSAGE_LENGTH = 200
EXTENSION_HINT = (
    "Have a superuser make a database with that extension, which our role may copy, and name it as shadow_template "
    "in backstop.toml."
)


@dataclass(frozen=True)
class RestoreError:
    """An error a tool reported, and the first line of its statement ("" if the tool did not name it).

    `raw` is not for people: it may quote rows. The text of the whole is.
    """

    raw: str
    statement: str = ""
    raised: bool = False

    def __str__(self) -> str:
        message = redact(self.raw, raised=self.raised)
        message = message.removeprefix("could not execute query: ").removeprefix("ERROR:  ")
        return f"{self.statement[:MESSAGE_LENGTH]}: {message[:MESSAGE_LENGTH]}." if self.statement else f"{message}."


def read_restore_errors(stderr: str) -> Sequence[RestoreError]:
    """Read the errors from a tool's error stream."""
    found: list[RestoreError] = []
    for line in stderr.splitlines():
        if match := ERROR.match(line):
            found.append(RestoreError(match["raw"]))
        elif found and line.startswith(STATEMENT):
            found[-1] = replace(found[-1], statement=line.removeprefix(STATEMENT).strip().removesuffix(";"))
        elif found and RAISED.search(line):
            found[-1] = replace(found[-1], raised=True)
    return found


def tolerated_errors(error: ToolFailedError) -> Sequence[str] | None:
    """List the objects whose owner our role cannot set, one line each; None if there is any error of another kind.

    A setting that the server does not know is tolerated, and not listed.
    """
    found = read_restore_errors(error.stderr)
    if not found or any(not TOLERATED.search(each.raw) for each in found):
        return None
    return [str(each) for each in found if not UNKNOWN_SETTING.search(each.raw)]


def load_failed(error: ToolFailedError) -> BotError:
    """Make the error for a load that failed, with the tool's own message."""
    if TOO_OLD.search(error.stderr):
        return PermanentError(
            "tool-too-old",
            f"{error.tool} is older than the dump: {error.message}.",
            "Install newer PostgreSQL client tools; point pg_bin in backstop.toml at them.",
        )
    if FULL.search(error.stderr):
        return PermanentError(
            "disk-full",
            f"The server's disk is full: {error.message}.",
            "Make room, then try again. Nothing was changed.",
        )
    if error.gone:
        return TemporaryError(
            "database-unreachable", f"The load was cut off: {error.message}.", "Check that the server is up."
        )
    extension = EXTENSION.search(error.stderr)
    if extension:
        return extension_refused([extension["name"] or extension["missing"]])
    return PermanentError(
        "load-failed",
        f"{error.tool} could not load the backup: {error.message}.",
        "The live database was not touched. Give our role what it lacks (docs/operations.md), or try another backup.",
    )


def extension_refused(names: Sequence[str]) -> PermanentError:
    """Make the error for extensions our role cannot make."""
    extensions = f"extension{'s' if len(names) > 1 else ''} {', '.join(names)}"
    # It speaks against this server, not against the bundle, so it has a reference of its own.
    return PermanentError(
        "extension-needed",
        f"The backup needs the {extensions}, which only a superuser can make here.",
        EXTENSION_HINT,
    )

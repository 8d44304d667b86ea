"""A down script in a folder, and its fault."""

from pathlib import Path

import pytest

from bot.adapters.migration_files.files import ScriptFiles
from bot.domain.migrations import DownScript
from bot.errors import PermanentError

HEADER = """-- migration: 027_flags
-- adds: flags
-- impact: None.
-- data-loss: flags, public.log
-- verify: SELECT to_regclass('flags') IS NULL
-- verify: to_regclass('log') IS NULL
"""


FIRST_LINE = 7


def load(directory: Path, body: str, name: str = "027_flags.sql", header: str = HEADER) -> DownScript:
    (directory / name).write_text(header + body, encoding="utf-8")
    return only(ScriptFiles(directory, "schema_migrations"))


def only(files: ScriptFiles) -> DownScript:
    """The only script there; raises what keeps it from being run."""
    for found in files.faults():
        raise found
    (script,) = files.load().values()
    return script


def fault(directory: Path, body: str, name: str = "027_flags.sql", header: str = HEADER) -> PermanentError:
    with pytest.raises(PermanentError, match="invalid-script") as caught:
        load(directory, body, name, header)
    assert caught.value.hint
    return caught.value

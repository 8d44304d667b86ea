"""Fakes three down scripts: 027 drops two tables, 026 a column, 025 a view by CASCADE and a row."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from bot.domain.migrations import DownScript, Effect, Statement, UpScript, broken_script
from bot.errors import BotError, PermanentError


def script(version: int, name: str, drops: str, *, changes: str = "", data_loss: tuple[str, ...] = ()) -> DownScript:
    statements = [Statement(f"DROP {drops}", 8, Effect.DROPS, names=(drops,))]
    if changes:
        statements.append(Statement(f"DELETE FROM {changes}", 9, Effect.CHANGES_ROWS, relations=(changes,)))
    full = f"{version:03d}_{name}"
    return DownScript(
        version=version,
        name=full,
        adds=name,
        impact=f"No {name}.",
        data_loss=data_loss,
        verify=(f"SELECT to_regclass('{drops}') IS NULL",),
        statements=tuple(statements),
        sha256=sha256(full.encode()).hexdigest(),
    )


SCRIPTS = (
    script(27, "feature_flags", "feature_flags", data_loss=("feature_flags",)),
    script(26, "tracking", "patients.tracking"),
    script(25, "reports", "reports", changes="settings", data_loss=("reports",)),
)


class FakeScripts:
    """A `bot.ports.Scripts`; `invalid` makes the folder unreadable."""

    def __init__(self) -> None:
        self.scripts = {item.version: item for item in SCRIPTS}
        self.ups = {27: UpScript(27, "027_feature_flags", ((1, "CREATE TABLE feature_flags ()"),))}
        self.invalid = False

    def load(self) -> Mapping[int, DownScript]:
        if self.invalid:
            raise PermanentError("invalid-script", "027_feature_flags.sql, line 3: no statement.", "Fix it.")
        return dict(self.scripts)

    def faults(self) -> Sequence[BotError]:
        return [script.fault for script in self.load().values() if script.fault]

    def corrupt(self, version: int) -> None:
        """Let it be there, and impossible to run."""
        fault = PermanentError("invalid-script", f"{version:03d}_x.sql:3: it has a NUL byte.", "Take it out.")
        self.scripts[version] = broken_script(version, f"{version:03d}_x", "", fault)

    def load_ups(self) -> Mapping[int, UpScript]:
        return dict(self.ups)

    def edit(self, version: int) -> None:
        self.scripts[version] = replace(self.scripts[version], sha256="0" * 64)

"""A bundle is blamed for its content, not for the server it is loaded on."""

from pathlib import Path

from bot.domain.backups import TableContent
from bot.domain.drills import DrillKind
from bot.errors import PermanentError
from tests.engine.drills.drill_world import Drilling
from tests.fakes.database import SETTINGS


def test_what_another_server_cannot_load_is_not_held_against_the_bundle(tmp_path: Path) -> None:
    story = Drilling(tmp_path, kind=DrillKind.BUNDLE)
    story.sides.load_error = PermanentError("load-failed", "There is no such role.")
    story.perform()
    assert story.prod.backups[0].verified is None
    story = Drilling(tmp_path, kind=DrillKind.BUNDLE)
    story.sides.changed = {SETTINGS: TableContent(SETTINGS, 4)}
    story.perform()
    verified = story.prod.backups[0].verified
    assert verified is not None
    assert (verified.level, verified.problem[:14]) == (3, "bundle-differs")

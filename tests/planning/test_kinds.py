"""The request of a plan is read back from the plan."""

from bot.domain.plans import UndoSwapPlan
from bot.planning.facts import RestoreRequest, UndoRequest
from bot.planning.kinds import read_request
from tests.domain.plans import COMES, RESTORE
from tests.views.samples import recast


def test_what_was_asked_for_is_read_back() -> None:
    assert read_request(RESTORE) == RestoreRequest("prod", COMES.backup, None, RESTORE.asked_for)
    undo = recast(RESTORE, UndoSwapPlan, undoes="rk3f9a")
    assert read_request(undo) == UndoRequest("prod", "rk3f9a", undo.asked_for)

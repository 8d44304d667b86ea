"""A kind without a row is refused."""

import pytest

from bot.domain.kinds import rows_of_every_kind
from bot.domain.plans import PlanKind


def test_a_kind_without_a_row_fails_at_import() -> None:
    with pytest.raises(TypeError, match=r"^no row for PlanKind RESTORE, UNDO_SWAP, UNDO_ROLLBACK, RESTORE_IN_PLACE$"):
        rows_of_every_kind(PlanKind, {PlanKind.CHAIN: "a row"})

"""The guards that `tests.attacks.guards` takes out are still where it looks for them."""

import shutil
from pathlib import Path

import pytest

from tests.attacks.guards import GUARDS, ROOT, Guard


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_can_be_taken_out(guard: Guard, tmp_path: Path) -> None:
    copy = tmp_path / guard.file
    copy.parent.mkdir(parents=True)
    shutil.copy(ROOT / guard.file, copy)
    guard.take_out(tmp_path)
    assert copy.read_text() != (ROOT / guard.file).read_text()
    compile(copy.read_text(), guard.file, "exec") if guard.file.endswith(".py") else None


def test_no_guard_is_here_twice() -> None:
    assert len({guard.name for guard in GUARDS}) == len(GUARDS)

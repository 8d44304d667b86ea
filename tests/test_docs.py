"""Documentation that renders as it is meant to."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
RULE = re.compile(r"\|(\s*:?-+:?\s*\|)+")


def first_rows(page: str) -> list[tuple[int, str, str]]:
    """Where a table begins, after text or an empty line: line number, that line, the next one."""
    lines = re.sub(r"```.*?```", lambda code: "\n" * code.group().count("\n"), page, flags=re.DOTALL).splitlines()
    return [
        (number, line, after)
        for number, (before, line, after) in enumerate(zip(["", *lines], lines, [*lines[1:], ""], strict=False), 1)
        if line.startswith("|") and not before.startswith("|")
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_table_is_one_table(page: Path) -> None:
    """A row that no header stands over is shown as a paragraph full of bars: an empty line had cut the table in two."""
    torn = [number for number, _, after in first_rows(page.read_text(encoding="utf-8")) if not RULE.fullmatch(after)]
    assert torn == []

"""A loaded database is compared with a bundle's manifest, table by table."""

import pytest

from bot.domain.backups import TableContent
from bot.engine.backups.compare import differences, in_short

SAID = (TableContent("public.patients", 1000, "77"), TableContent("public.settings", 5, "8"))


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (SAID, []),
        ((SAID[0], TableContent("public.settings", 5, "")), []),
        ((SAID[0], TableContent("public.settings", 5, "9")), ["public.settings has other content"]),
        ((SAID[0], TableContent("public.settings", 4, "8")), ["public.settings has 4 rows instead of 5"]),
        (SAID[:1], ["public.settings is missing"]),
        ((*SAID, TableContent("public.new", 0, "")), ["public.new is in no manifest"]),
        ((*SAID, TableContent("public.part_config", 3, "", of_extension=True)), []),
    ],
)
def test_every_difference_is_named(there: tuple[TableContent, ...], found: list[str]) -> None:
    assert differences(SAID, there) == found


def test_of_many_the_first_five_are_named() -> None:
    assert in_short(["a", "b", "c", "d", "e"]) == "a; b; c; d; e"
    assert in_short(["a", "b", "c", "d", "e", "f", "g"]) == "a; b; c; d; e; and 2 more tables"

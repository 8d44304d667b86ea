"""Migrations typed with a name: taken if the name is theirs."""

from dataclasses import replace

import pytest

from bot.domain.migrations import AppliedMigration
from bot.errors import PermanentError
from bot.planning.facts import Facts, RollbackRequest
from bot.planning.refusals import check_migration
from tests.planning.case import DEFAULT, facts_of


def named(*applied: str) -> Facts:
    """Facts with these migrations applied, each with a down script of its own name."""
    facts = facts_of(DEFAULT)
    rows = tuple(AppliedMigration(int(name[:3]), name) for name in applied)
    scripts = {row.version: replace(facts.scripts[27], version=row.version, name=row.name) for row in rows}
    return replace(facts, database=replace(facts.database, applied=rows), scripts=scripts)


FACTS = named("018_rom_mmt", "026_reports", "027_feature_flags")


@pytest.mark.parametrize("typed", ["", "027_feature_flags", "027_FEATURE_FLAGS"])
def test_a_migration_with_its_own_name_is_taken(typed: str) -> None:
    check_migration(RollbackRequest("prod", 27, named=typed), FACTS)


def test_a_migration_with_another_s_name_is_refused_and_both_are_said() -> None:
    with pytest.raises(PermanentError) as refused:
        check_migration(RollbackRequest("prod", 27, named="027_rom_mmt"), FACTS)

    assert str(refused.value) == (
        "wrong-name: 027 is not rom_mmt; it is 027_feature_flags. 018 has that name. "
        "Type /rollback prod 018_rom_mmt or 027_feature_flags; each undoes everything newer, too."
    )


def test_a_name_that_the_tracking_table_or_the_script_has_will_do() -> None:
    bare = replace(FACTS, database=replace(FACTS.database, applied=(AppliedMigration(27, "feature-flags.sql"),)))
    for typed in ("027_feature-flags", "027_feature_flags"):
        check_migration(RollbackRequest("prod", 27, named=typed), bare)


def test_a_migration_nobody_has_named_is_taken_by_its_number() -> None:
    bare = replace(FACTS, database=replace(FACTS.database, applied=(AppliedMigration(27, ""),)), scripts={})
    with pytest.raises(PermanentError, match="no-down-script"):
        check_migration(RollbackRequest("prod", 27, named="027_feature_flags"), bare)

"""The overview of migrations: versions, the matrix, missing scripts."""

from dataclasses import replace

from bot.domain.drills import ScriptProof
from bot.domain.migrations import DownScript
from bot.ports import MigrationRow, Overview
from bot.views.status import migrations
from tests.fakes.clock import NOON
from tests.views.samples import DAY, read


def test_the_overview_shows_versions_the_matrix_and_which_scripts_are_missing() -> None:
    script = DownScript(27, "027_feature_flags", "", "Removes feature flags.", (), (), (), "a" * 64)
    rows = [
        MigrationRow(26, "026_add_version_column", applied=True, script=None),
        MigrationRow(27, "027_feature_flags", applied=True, script=script),
    ]

    shown = read(migrations.render(Overview("prod", 27, "v1.3.0", True, ["v1.3.x needs schema 027–latest"], rows)))

    assert shown == (
        "Migrations of prod\n*prod* – schema 027, app v1.3.0, serving\n"
        "*Which app needs which schema*\n• v1.3.x needs schema 027–latest\n"
        "✅ `027_feature_flags` – Removes feature flags.\n"
        "No down script, so a chain cannot pass them: 026\n"
        "To undo one and everything newer: `/rollback prod 027`"
    )


def test_the_overview_of_a_closed_database_says_that_nothing_is_known() -> None:
    script = DownScript(27, "027_feature_flags", "", "Removes feature flags.", (), (), (), "a" * 64)
    rows = [MigrationRow(27, "027_feature_flags", applied=None, script=script)]
    closed = Overview("prod", None, "v1.3.0", False, [], rows, closed_by="rk3f9a")

    view = migrations.render(closed)

    assert "schema not known now, app v1.3.0, not serving\n🔒 The database is closed, by run `rk3f9a`;" in read(view)
    assert "❔ `027_feature_flags` – Removes feature flags." in read(view)
    assert "not applied" not in read(view)
    assert "To undo one" not in read(view)
    assert "schema 000" not in view.text + read(view)
    assert "and no run holds it" in read(migrations.render(replace(closed, closed_by="")))


def test_migrations_say_when_each_was_last_proven() -> None:
    script = DownScript(27, "027_x", "x", "No flags.", (), (), (), "ab")
    rows = [
        MigrationRow(27, "027_x", applied=True, script=script, proof=ScriptProof(27, "ab", NOON - 3 * DAY, "dabcde")),
        MigrationRow(26, "026_x", applied=True, script=script),
        MigrationRow(25, "025_x", applied=True, script=None),
    ]
    shown = read(migrations.render(Overview("prod", 27, "v1.3.0", True, (), rows, at=NOON)))

    assert "✅ `027_x` – No flags.\n      last proven 3 days ago by drill `dabcde`\n" in shown
    assert "✅ `026_x` – No flags.\n      _no drill has run this script as it is_\n" in shown

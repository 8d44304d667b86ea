"""Tables whose shape differs are skipped, each with the reason."""

from bot.domain.row_recovery import SkippedTable
from tests.adapters.row_recovery.conftest import Lab
from tests.adapters.row_recovery.lab import written


class TestSkipped:
    def test_tables_whose_columns_moved_are_named_with_the_columns(self, lab: Lab) -> None:
        written(lab)
        lab.write("ALTER TABLE staff DROP COLUMN name", lab.live)
        lab.write("DROP TABLE visits", lab.live)

        found, text = lab.write_sql()

        assert {skipped.table: skipped.reason for skipped in found.skipped} == {
            '"public"."keyless"': "it has no primary key",
            '"public"."staff"': 'its columns differ ("name")',
            '"public"."visits_1"': "the live database has no such table",
            '"public"."visits_2"': "the live database has no such table",
        }
        assert '-- Left out: "public"."staff", because its columns differ ("name").' in text

    def test_applied_migrations_are_not_brought_back(self, lab: Lab) -> None:
        lab.write("INSERT INTO applied VALUES ('027')")

        assert lab.write_sql()[0].skipped == (
            SkippedTable('"public"."applied"', "it says which migrations are applied"),
        )

    def test_an_empty_table_is_not_missed(self, lab: Lab) -> None:
        lab.write("CREATE TABLE empty (a text)")

        assert lab.write_sql()[0].skipped == ()

    def test_a_name_made_to_break_out_of_a_comment_is_left_out(self, lab: Lab) -> None:
        hostile = 'CREATE TABLE "x\nDROP TABLE zoo; --" (id int PRIMARY KEY, a int)'
        lab.write(f'{hostile}; INSERT INTO "x\nDROP TABLE zoo; --" VALUES (1, 2)')
        lab.write(f'{hostile}; INSERT INTO "x\nDROP TABLE zoo; --" VALUES (1, 1)', lab.live)

        found, text = lab.write_sql()

        assert [skipped.reason for skipped in found.skipped] == ["a name in it has a line break"]
        assert not any(line.startswith("DROP") for line in text.splitlines())

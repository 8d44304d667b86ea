"""The SQL brings back what was written, whatever it was, and nothing else."""

import os
import re
import subprocess

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from bot.domain.row_recovery import RecoveredTable, SkippedTable
from bot.errors import PermanentError
from bot.sandbox.postgres import find_bin_dir
from tests.adapters.row_recovery.conftest import Lab
from tests.adapters.row_recovery.lab import written

TABLES = ("zoo", "patients", "appointments", '"an Audit ""log"""', "staff", "words", "visits", "quiet")


def psql(dsn: str, text: str) -> None:
    """As a person would run the file."""
    given = conninfo_to_dict(dsn)
    environment = {"PGPASSWORD": str(given["password"]), **{k: v for k, v in os.environ.items() if k != "PGPASSWORD"}}
    shown = " ".join(f"{key}={value}" for key, value in given.items() if key != "password")
    done = subprocess.run(  # noqa: S603 -- the server's own client
        [find_bin_dir() / "psql", "-X", "-v", "ON_ERROR_STOP=1", "-q", "-d", shown],
        input=text,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def content(lab: Lab, dsn: str) -> dict[str, list[str]]:
    return {
        table: [row[0] for row in lab.rows(f"SELECT t::text FROM {table} t ORDER BY 1", dsn)]  # our own names
        for table in TABLES
    }


def uncommented(text: str) -> str:
    return re.sub(r"^-- (?=UPDATE )", "", text, flags=re.MULTILINE)


class TestRows:
    def test_equal_databases_need_nothing(self, lab: Lab) -> None:
        found, text = lab.write_sql()

        assert (found.tables, found.skipped, found.rows) == ((), (), 0)
        assert found.compared == 11
        assert "INSERT" not in text

    def test_what_was_written_comes_back_and_what_was_changed_when_it_is_uncommented(self, lab: Lab) -> None:
        written(lab)

        _, text = lab.write_sql()
        psql(lab.live, uncommented(text))

        assert content(lab, lab.live) == content(lab, lab.kept)

    def test_changed_rows_stay_as_they_are_unless_somebody_wants_them(self, lab: Lab) -> None:
        written(lab)

        _, text = lab.write_sql()
        psql(lab.live, text)

        assert lab.rows("SELECT words, raw::text FROM zoo WHERE id = 2", lab.live) == [("old", None)]
        assert lab.rows("SELECT count(*) FROM zoo", lab.live) == [(5,)]

    def test_everything_is_counted(self, lab: Lab) -> None:
        written(lab)
        lab.write("INSERT INTO words VALUES ('only live')", lab.live)

        found, _ = lab.write_sql()

        assert {table.table: table for table in found.tables} == {
            name: RecoveredTable(name, *numbers)
            for name, numbers in {
                '"public"."zoo"': (3, 1, 0),
                '"public"."patients"': (2, 0, 0),
                '"public"."appointments"': (3, 0, 0),
                '"public"."an Audit ""log"""': (3, 0, 0),
                '"public"."staff"': (2, 0, 0),
                '"public"."words"': (336, 0, 1),
                '"public"."visits_2"': (1, 0, 0),
            }.items()
        }
        assert found.skipped == (SkippedTable('"public"."keyless"', "it has no primary key"),)
        assert found.rows == 351

    def test_those_referred_to_come_first(self, lab: Lab) -> None:
        written(lab)

        names = [table.table for table in lab.write_sql()[0].tables]

        order = ['"public"."patients"', '"public"."appointments"', '"public"."an Audit ""log"""']
        assert [name for name in names if name in order] == order

    def test_a_circle_is_said_and_closed_where_its_keys_can_wait(self, lab: Lab) -> None:
        circle = """
            CREATE TABLE egg (id int PRIMARY KEY, hen int);
            CREATE TABLE hen (id int PRIMARY KEY, egg int REFERENCES egg DEFERRABLE);
            ALTER TABLE egg ADD FOREIGN KEY (hen) REFERENCES hen DEFERRABLE
        """
        lab.write(circle, lab.live)
        lab.write(
            f"{circle}; SET CONSTRAINTS ALL DEFERRED; INSERT INTO egg VALUES (1, 1); INSERT INTO hen VALUES (1, 1)"
        )

        _, text = lab.write_sql()
        psql(lab.live, text)

        assert '-- "public"."hen" refers to "public"."egg", which comes later: a circle.' in text
        assert lab.rows("SELECT * FROM egg, hen", lab.live) == [(1, 1, 1, 1)]

    def test_numbers_that_come_back_are_not_given_out_again(self, lab: Lab) -> None:
        written(lab)
        psql(lab.live, lab.write_sql()[1])

        lab.write("INSERT INTO patients (name) VALUES ('new')", lab.live)
        lab.write("INSERT INTO appointments (patient) VALUES (1)", lab.live)

        assert lab.rows("SELECT max(id) FROM patients", lab.live) == [(5,)]
        assert lab.rows("SELECT max(id) FROM appointments", lab.live) == [(6,)]

    def test_a_key_the_app_has_used_again_is_left_to_people(self, lab: Lab) -> None:
        lab.write("INSERT INTO patients (name) VALUES ('before')")
        lab.write("INSERT INTO patients (name) VALUES ('since')", lab.live)

        found, text = lab.write_sql()

        assert found.tables == (RecoveredTable('"public"."patients"', 0, 1, 0),)
        psql(lab.live, text)
        assert lab.rows("SELECT name FROM patients WHERE id = 3", lab.live) == [("since",)]

    def test_an_update_does_nothing_where_the_row_has_moved_on(self, lab: Lab) -> None:
        lab.write("UPDATE staff SET name = 'boss' WHERE id = 5")
        _, text = lab.write_sql()
        lab.write("UPDATE staff SET name = 'moved on' WHERE id = 5", lab.live)

        psql(lab.live, uncommented(text))

        assert lab.rows("SELECT name FROM staff WHERE id = 5", lab.live) == [("moved on",)]

    def test_many_rows_are_compared_in_pieces(self, lab: Lab) -> None:
        lab.write("INSERT INTO quiet SELECT generate_series(40, 9000) ON CONFLICT DO NOTHING")
        lab.write("DELETE FROM quiet WHERE id % 7 = 0", lab.live)

        found, text = lab.write_sql()
        psql(lab.live, text)

        assert found.tables == (RecoveredTable('"public"."quiet"', 8957, 0, 0),)
        assert lab.rows("SELECT count(*), sum(id) FROM quiet", lab.live) == lab.rows(
            "SELECT count(*), sum(id) FROM quiet", lab.kept
        )


class TestHygiene:
    def test_the_kept_database_stays_closed(self, lab: Lab) -> None:
        written(lab)

        lab.write_sql()

        with pytest.raises(psycopg.OperationalError, match="not currently accepting"):
            psycopg.connect(lab.kept)

    def test_no_line_is_anything_but_a_comment_or_a_statement_of_ours(self, lab: Lab) -> None:
        written(lab)

        _, text = lab.write_sql(["first\nSELECT 1;"])

        ours = re.compile(
            r"(|-- .*|BEGIN;|COMMIT;|SET .*;|INSERT INTO .*|  \(.*\)|, \(.*\)|;|SELECT pg_catalog\.setval.*)"
        )
        assert [line for line in text.split("\n") if not ours.fullmatch(line)] == []

    def test_a_database_that_is_gone_is_named(self, lab: Lab) -> None:
        with pytest.raises(PermanentError) as refused:
            lab.row_recovery.write_sql(f"{lab.kept_name}x", (), lambda _: None, lambda _: None)

        assert refused.value.reference == "side-missing"

    def test_any_other_database_is_refused(self, lab: Lab) -> None:
        with pytest.raises(PermanentError) as refused:
            lab.row_recovery.write_sql("postgres", (), lambda _: None, lambda _: None)

        assert refused.value.reference == "not-ours"

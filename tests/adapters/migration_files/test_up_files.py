"""Up scripts: read as they are; what cannot be run in a transaction of ours is told."""

from pathlib import Path

import pytest

from bot.adapters.migration_files.files import ScriptFiles
from bot.adapters.migration_files.up_files import UpFiles
from bot.domain.migrations import UpScript
from bot.errors import PermanentError
from bot.sandbox.physioflow.schema import UP_DIR


def write(directory: Path, **texts: str) -> UpFiles:
    for name, text in texts.items():
        (directory / f"{name.replace('__', '.')}.sql").write_text(text)
    return UpFiles(directory)


def test_the_samples_can_all_be_run() -> None:
    scripts = UpFiles(UP_DIR).load()
    assert sorted(scripts) == list(range(1, 28))
    assert [script.obstacle for script in scripts.values()] == [""] * 27
    assert scripts[26].statements[0] == (1, "ALTER TABLE schema_migrations ADD COLUMN version text")
    assert len(scripts[26].statements) == 4


def test_transaction_control_is_taken_out(tmp_path: Path) -> None:
    ups = write(tmp_path, **{"028_visits": "BEGIN;\n-- the table\nCREATE TABLE visits (id int);\nCOMMIT;\n"})
    assert ups.load() == {28: UpScript(28, "028_visits", ((3, "CREATE TABLE visits (id int)"),))}


@pytest.mark.parametrize(
    ("text", "obstacle"),
    [
        ("SELECT 1;\nCREATE INDEX CONCURRENTLY i ON t (a);", "line 2, CREATE and DROP INDEX CONCURRENTLY cannot run"),
        ("\nVACUUM t;", "line 2, VACUUM cannot run in a transaction"),
        ("CREATE ROLE somebody;", "line 1, CREATE ROLE reaches beyond this database"),
        ("\\i other.sql\n", "line 1, \\i is psql's, not SQL"),
        ("CREATE TABEL t ();", "line 1, syntax error"),
    ],
)
def test_what_cannot_be_run_is_reported(tmp_path: Path, text: str, obstacle: str) -> None:
    script = write(tmp_path, **{"028_visits": text}).load()[28]
    assert script.obstacle.startswith(obstacle)
    assert script.statements == ()


def test_bytes_that_are_no_text_are_reported(tmp_path: Path) -> None:
    (tmp_path / "028_visits.sql").write_bytes(b"SELECT '\xff';")
    assert UpFiles(tmp_path).load()[28].obstacle == "it is not UTF-8"


def test_other_files_and_down_scripts_beside_them_are_left_alone(tmp_path: Path) -> None:
    ups = write(tmp_path, **{"028_visits__up": "SELECT 1", "028_visits__down": "SELECT 2", "notes": "no SQL"})
    assert {script.name for script in ups.load().values()} == {"028_visits.up"}


def test_two_of_one_version_are_refused(tmp_path: Path) -> None:
    ups = write(tmp_path, **{"028_a": "SELECT 1", "28_b": "SELECT 2"})
    with pytest.raises(
        PermanentError, match=r"^invalid-script: 28_b\.sql:1: 028_a is the up script of that version too"
    ):
        ups.load()


def test_where_nobody_says_where_they_are_there_are_none(tmp_path: Path) -> None:
    assert ScriptFiles(tmp_path, "schema_migrations").load_ups() == {}
    write(tmp_path, **{"028_visits": "SELECT 1"})
    assert list(ScriptFiles(tmp_path, "schema_migrations", tmp_path).load_ups()) == [28]

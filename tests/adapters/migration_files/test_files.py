"""Down scripts in a folder: names, headers, edits."""

import hashlib
from pathlib import Path

import pytest

from bot.adapters.migration_files.files import ScriptFiles
from bot.domain.migrations import Effect, Statement
from bot.errors import PermanentError
from tests.adapters.migration_files.script import HEADER, fault, load, only

DOWN_DIR = Path(__file__).parents[3] / "sql" / "down"


def test_physioflow_s_scripts() -> None:
    scripts = ScriptFiles(DOWN_DIR, "schema_migrations").load()

    assert list(scripts) == list(range(18, 28))
    assert [statement.sql for statement in scripts[26].statements] == [
        "ALTER TABLE schema_migrations DROP COLUMN IF EXISTS version"
    ]
    assert scripts[27].data_loss == ("feature_flags", "feature_flag_audit_log")
    assert scripts[25].data_loss == ()
    assert scripts[24].statements[0] == Statement(
        "DROP TABLE IF EXISTS special_test_results CASCADE", 8, Effect.DROPS, (), ("special_test_results",)
    )
    assert scripts[18].sha256 == hashlib.sha256((DOWN_DIR / "018_rom_mmt.sql").read_bytes()).hexdigest()


def test_a_whole_script(tmp_path: Path) -> None:
    script = load(tmp_path, "\nDROP TABLE flags;\n/* ; */ DROP TABLE log -- the last; has no semicolon\n")

    assert (script.version, script.name, script.adds, script.impact) == (27, "027_flags", "flags", "None.")
    assert script.data_loss == ("flags", "public.log")
    assert script.verify == ("SELECT to_regclass('flags') IS NULL", "to_regclass('log') IS NULL")
    assert [(statement.sql.split(" --")[0], statement.line) for statement in script.statements] == [
        ("DROP TABLE flags", 8),
        ("DROP TABLE log", 9),
    ]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("-- adds: flags\n", "", "027_flags.sql:1: the header lacks adds."),
        ("-- verify: SELECT to_regclass('flags') IS NULL\n-- verify: to_regclass('log') IS NULL\n", "", "lacks verify"),
        ("-- adds: flags\n", "-- adds:\n", "027_flags.sql:2: the header's adds is empty"),
        ("-- adds: flags\n", "-- adds: a\n-- adds: b\n", "027_flags.sql:3: the header's adds is there twice"),
        ("-- adds: flags\n", "-- adds: a\n-- data-los: b\n", "027_flags.sql:3: the header's data-los is unknown"),
        ("027_flags\n", "026_flags\n", "027_flags.sql:1: the header says 026_flags, the file 027_flags"),
        ("to_regclass('log') IS NULL", "DELETE FROM x", "027_flags.sql:6: verify is no SELECT or expression"),
        ("to_regclass('log') IS NULL", "true); DROP TABLE x; SELECT (1", "verify is no SELECT or expression"),
    ],
)
def test_headers(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in HEADER

    assert words in fault(tmp_path, "DROP TABLE flags;", header=HEADER.replace(old, new)).message


def test_a_header_s_end_is_the_first_statement(tmp_path: Path) -> None:
    script = load(tmp_path, "\n-- Notes are allowed, and so is this: one\nDROP TABLE flags;\n-- adds: not any more\n")

    assert script.adds == "flags"


@pytest.mark.parametrize(
    "body", ["", "\n-- nothing to do\n", "BEGIN; COMMIT;", "DELETE FROM schema_migrations WHERE version = '027';"]
)
def test_a_script_that_undoes_nothing(tmp_path: Path, body: str) -> None:
    assert "it would undo nothing" in fault(tmp_path, body).message


def test_two_scripts_of_one_version(tmp_path: Path) -> None:
    load(tmp_path, "DROP TABLE flags;")

    error = fault(tmp_path, "DROP TABLE x;", "027_other.sql", HEADER.replace("027_flags", "027_other"))

    assert error.message == "027_other.sql:1: 027_flags undoes that version too."


@pytest.mark.parametrize("name", ["flags.sql", "027-flags.sql", "27.sql", "v027_flags.sql"])
def test_file_names(tmp_path: Path, name: str) -> None:
    assert fault(tmp_path, "DROP TABLE x;", name).message == f"{name}:1: the name is not NNN_name.sql."


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").touch()

    assert load(tmp_path, "DROP TABLE flags;").version == 27


def test_no_scripts_at_all(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="invalid-script: There is no down script in "):
        ScriptFiles(tmp_path / "nowhere", "schema_migrations").load()


def test_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "027_flags.sql").write_bytes(HEADER.encode() + b"SELECT '\xff';")

    with pytest.raises(PermanentError, match=r"invalid-script: 027_flags\.sql:1: it is not UTF-8"):
        only(ScriptFiles(tmp_path, "schema_migrations"))


def test_a_nul_byte_is_refused_by_its_line(tmp_path: Path) -> None:
    found = fault(tmp_path, "DROP TABLE flags;\nDROP TABLE log\0;\n")
    assert found.message == "027_flags.sql:8: it has a NUL byte."


def test_one_that_cannot_be_run_keeps_no_other_from_it(tmp_path: Path) -> None:
    load(tmp_path, "DROP TABLE flags;")
    (tmp_path / "019_old.sql").write_text("DROP TABEL old;")
    (tmp_path / "notes.sql").write_text("SELECT 1;")
    (tmp_path / "018_a.sql").write_text(HEADER.replace("027_flags", "018_a") + "DROP TABLE a;")
    (tmp_path / "018_b.sql").write_text(HEADER.replace("027_flags", "018_b") + "DROP TABLE b;")
    files = ScriptFiles(tmp_path, "schema_migrations")
    scripts = files.load()
    assert {version: script.fault is None for version, script in scripts.items()} == {18: False, 19: False, 27: True}
    found = [error.message for error in files.faults()]
    assert found[0] == "notes.sql:1: the name is not NNN_name.sql."
    assert found[1] == "018_b.sql:1: 018_a undoes that version too."
    assert found[2].startswith("019_old.sql:1: ")


def test_versions_may_be_times_to_the_second(tmp_path: Path) -> None:
    name = "20260131120000_flags"
    script = load(tmp_path, "DROP TABLE flags;", f"{name}.sql", HEADER.replace("027_flags", name))
    assert (script.version, script.name) == (20_260_131_120_000, name)


def test_edits_are_seen_at_once(tmp_path: Path) -> None:
    before = load(tmp_path, "DROP TABLE flags;")
    after = load(tmp_path, "DROP TABLE flags CASCADE;")

    assert before.sha256 != after.sha256

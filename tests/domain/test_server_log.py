"""What of a server's log may be shown: never a row, a statement or a secret."""

import pytest

from bot.domain.server_log import redacted

STAMP = "2026-02-11 03:04:05.678 UTC [4711] physioflow@prod "


@pytest.mark.parametrize(
    "line",
    [
        "LOG:  database system is ready to accept connections",
        f'{STAMP}ERROR:  relation "feature_flags" does not exist at character 15',
        f'{STAMP}ERROR:  duplicate key value violates unique constraint "patients_email_key"',
        f"{STAMP}FATAL:  terminating connection due to administrator command",
        '[4711] LOG:  listening on IPv4 address "0.0.0.0", port 5432',
        "user=app,db=prod LOG:  checkpoint complete: wrote 412 buffers (2.5%); 0 WAL file(s) added",
        "HINT:  Perhaps you meant another column.",
        "(no log: The API server refuses to give the log of postgres-0.)",
    ],
)
def test_what_the_server_says_of_itself_stays(line: str) -> None:
    assert redacted(line) == line


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('ERROR:  invalid input syntax for type date: "Ngan 1990"', 'ERROR:  invalid input syntax for type date: "…"'),
        (f'{STAMP}ERROR:  syntax error at or near "Ngan"', f'{STAMP}ERROR:  syntax error at or near "…"'),
        (f"{STAMP}LOG:  statement: INSERT INTO p VALUES (1, 'Ngan')", f"{STAMP}LOG:  statement: …"),
        ("LOG:  duration: 3.1 ms  execute s_1: SELECT 'Ngan'", "LOG:  duration: 3.1 ms  execute s_1: …"),
        (f"{STAMP}LOG:  could not connect to postgresql://bob:Ngan@db/x", f"{STAMP}LOG:  could not connect to …"),
        ("LOG:  bad option password=Ngan in conninfo", "LOG:  bad option … in conninfo"),
        (f"{STAMP}NOTICE:  hello 'Ngan O''Hara' there", f"{STAMP}NOTICE:  hello '…' there"),
        ("LOG:  cut off in the middle of 'Ngan", "LOG:  cut off in the middle of '…'"),
    ],
)  # fmt: skip
def test_values_statements_and_secrets_go(line: str, shown: str) -> None:
    assert redacted(line) == shown


@pytest.mark.parametrize(
    "line",
    [
        f"{STAMP}DETAIL:  Key (email)=(ngan@example.org) already exists.",
        f"{STAMP}DETAIL:  Failing row contains (7, Ngan, INFO: allergic).",
        f"{STAMP}STATEMENT:  SELECT * FROM patients WHERE name = 'Ngan'",
        f'{STAMP}CONTEXT:  COPY patients, line 3: "7\tNgan"',
        "\tVALUES (7, Ngan) -- LOG: not one",
        "  INFO: Ngan",
        "INSERT INTO p VALUES ('Ngan', 'INFO: x')",
        '{"error_severity":"ERROR","message":"Ngan"}',
        '2026-02-11 03:04:05 UTC,"app","prod",1,ERROR,"Ngan"',
        "Ngan",
    ],
)
def test_lines_that_may_hold_rows_are_left_out(line: str) -> None:
    assert redacted(line) == "(1 line left out)"


def test_what_is_left_out_is_counted_where_it_was() -> None:
    log = "LOG:  one\nDETAIL:  x\n\tmore\nLOG:  two\nSTATEMENT:  y"

    assert redacted(log) == "LOG:  one\n(2 lines left out)\nLOG:  two\n(1 line left out)"
    assert redacted("") == ""


def test_a_long_line_is_cut() -> None:
    assert len(redacted("LOG:  " + "x" * 5000)) == 400

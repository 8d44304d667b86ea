"""What of a server's log is shown: its own messages by their templates, everything else by its number."""

import pytest

from bot.domain.server_log import summarise

STAMP = "2026-02-11 03:04:05.678 UTC [4711] physioflow@prod "
TIME = "2026-02-11 03:04:05.678 UTC"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "LOG:  database system is ready to accept connections",
            "LOG:  database system is ready to accept connections",
        ),
        (
            f"{STAMP}FATAL:  terminating connection due to administrator command",
            f"{TIME} FATAL:  terminating connection due to administrator command",
        ),
        (f'{STAMP}ERROR:  relation "ngan" does not exist at character 15', f"{TIME} ERROR:  relation … does not exist"),
        (
            f'{STAMP}ERROR:  duplicate key value violates unique constraint "patients_email_key"',
            f"{TIME} ERROR:  duplicate key value violates unique constraint …",
        ),
        (
            f'{STAMP}ERROR:  invalid input syntax for type date: "Ngan 1990"',
            f"{TIME} ERROR:  invalid input syntax for type date: …",
        ),
        ("user=Ngan,db=prod LOG:  checkpoint complete: wrote 412 buffers", "LOG:  checkpoint complete: …"),
        (f"{STAMP}LOG:  duration: 3.1 ms  execute s_1: SELECT 'Ngan'", f"{TIME} LOG:  duration: …"),
        ("(no log: The API server refuses to give the log.)", "(no log: The API server refuses to give the log.)"),
    ],
)
def test_the_servers_own_messages_are_shown_without_their_arguments(line: str, shown: str) -> None:
    assert summarise(line) == shown


@pytest.mark.parametrize(
    "line",
    [
        # said by a function of the app, with RAISE
        f"{STAMP}ERROR:  patient Ngan Tran was not found",
        f"{STAMP}WARNING:  no insurance for 1990-03-04 Ngan",
        f"{STAMP}LOG:  relation is Ngan",
        # by extensions that audit
        f"{STAMP}LOG:  AUDIT: SESSION,1,1,READ,SELECT,,,SELECT * FROM patients WHERE name = $1,Ngan",
        f"{STAMP}LOG:  SET_USER: Ngan",
        # by the server about statements, values and rows
        f"{STAMP}LOG:  statement: INSERT INTO p VALUES (1, 'Ngan')",
        f"{STAMP}LOG:  execute <unnamed>: UPDATE p SET name = $1",
        f"{STAMP}DETAIL:  Key (email)=(ngan@example.org) already exists.",
        f"{STAMP}DETAIL:  Failing row contains (7, Ngan, INFO: allergic).",
        f"{STAMP}DETAIL:  parameters: $1 = 'Ngan'",
        f"{STAMP}HINT:  Ask Ngan.",
        f"{STAMP}STATEMENT:  SELECT * FROM patients WHERE name = 'Ngan'",
        f'{STAMP}CONTEXT:  COPY patients, line 3: "7\tNgan"',
        "\tVALUES (7, Ngan) -- LOG:  checkpoint complete: x",
        # by other programs, and in other formats
        "Ngan",
        "GET /patients/7?name=Ngan 200",
        '{"error_severity":"ERROR","message":"Ngan"}',
        '2026-02-11 03:04:05 UTC,"app","prod",1,ERROR,"Ngan"',
    ],
)
def test_what_anybody_may_have_written_is_counted(line: str) -> None:
    shown = summarise(f"{line}\n" * 3, "kubectl logs postgres-0")
    assert "Ngan" not in shown
    assert shown.startswith("(3 ")
    assert shown.endswith(
        " lines are not shown, as the app or a function may have written them; people who may read them: "
        "kubectl logs postgres-0)"
    )


def test_a_forged_line_shows_no_more_than_the_template() -> None:
    assert summarise(f'{STAMP}ERROR:  relation "Ngan, born 1990" does not exist') == (
        f"{TIME} ERROR:  relation … does not exist"
    )


def test_levels_are_counted_apart() -> None:
    lines = [f"{STAMP}ERROR:  Ngan", f"{STAMP}ERROR:  An", f"{STAMP}LOG:  x", "\tNgan", "LOG:  shutting down"]
    assert summarise("\n".join(lines)) == (
        "LOG:  shutting down\n"
        "(2 ERROR, 1 LOG, 1 other lines are not shown, as the app or a function may have written them)"
    )


def test_an_empty_log_says_nothing() -> None:
    assert summarise("") == ""

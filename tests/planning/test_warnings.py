"""What a swap has in store for others in the database."""

from dataclasses import replace

from bot.domain.catalogue import Session
from bot.planning.facts import Facts
from bot.planning.warnings import environment_warnings, slot_warnings
from tests.planning.case import DEFAULT, facts_of

NIGHTLY = Session(7, "postgres", "nightly-report", "10.0.0.1", "idle", 3.0, superuser=True)
APP = Session(8, "app", "api", "10.0.0.2", "active", 0.1)


def facts(*sessions: Session, slots: tuple[str, ...] = (), is_superuser: bool = False) -> Facts:
    given = facts_of(DEFAULT)
    database = replace(given.database, sessions=sessions, slots=slots, is_superuser=is_superuser)
    return replace(given, database=database)


def test_a_superuser_s_session_is_named() -> None:
    (told,) = environment_warnings(facts(APP, NIGHTLY), "before the app is stopped")
    assert told == (
        "Backstop's role may not end pid 7 (nightly-report, postgres, idle for 3 s), as superusers; the run stops "
        "before the app is stopped if they are still connected."
    )


def test_a_superuser_ends_anybody() -> None:
    assert environment_warnings(facts(NIGHTLY, is_superuser=True), "before the app is stopped") == ()
    assert environment_warnings(facts(APP), "before the app is stopped") == ()


def test_each_slot_is_named_with_what_becomes_of_it() -> None:
    told = list(slot_warnings(facts(slots=("reports (in use)", "cdc"))))
    assert [line.partition(" stays")[0] for line in told] == [
        "The logical replication slot reports (in use)",
        "The logical replication slot cdc",
    ]
    assert all("cut off at the swap and has to be set up anew" in line and "WAL" in line for line in told)
    assert list(slot_warnings(facts())) == []

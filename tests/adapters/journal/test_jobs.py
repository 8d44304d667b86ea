"""Chores: one of a kind an environment, for as long as the request that has it is unfinished."""

from concurrent.futures import ThreadPoolExecutor

from bot.adapters.journal import PostgresJournal
from bot.domain.jobs import JobHolder, JobKind
from bot.ports import Request

TAKE, VERIFY = JobKind.TAKE, JobKind.VERIFY


def ask(journal: PostgresJournal, request_id: str, user: str = "U0ONCALL") -> JobHolder:
    journal.requests.accept(Request(request_id, "take"))
    return journal.jobs.hold("prod", TAKE, request_id, user)


def finish(journal: PostgresJournal, request_id: str) -> None:
    with journal.requests.claim(request_id) as claim:
        assert claim is not None
        claim.finish()


def test_the_first_has_it_and_the_second_hears_who(journal: PostgresJournal) -> None:
    first, second = ask(journal, "slash:1", "U0ONCALL"), ask(journal, "slash:2", "U0LEADA")
    assert (first.request_id, first.user_id, first.attempts) == ("slash:1", "U0ONCALL", 1)
    assert second == first


def test_other_kinds_and_environments_are_free(journal: PostgresJournal) -> None:
    ask(journal, "slash:1")
    journal.requests.accept(Request("slash:2", "verify"))
    assert journal.jobs.hold("prod", VERIFY, "slash:2", "U").request_id == "slash:2"
    assert journal.jobs.hold("staging", TAKE, "slash:2", "U").request_id == "slash:2"


def test_the_same_request_has_it_again_and_is_counted(journal: PostgresJournal) -> None:
    first = ask(journal, "slash:1")
    again = ask(journal, "slash:1")
    assert (again.request_id, again.attempts, again.since) == ("slash:1", 2, first.since)


def test_it_is_free_once_the_request_is_finished(journal: PostgresJournal) -> None:
    ask(journal, "slash:1")
    ask(journal, "slash:1")
    finish(journal, "slash:1")
    second = ask(journal, "slash:2")
    assert (second.request_id, second.attempts) == ("slash:2", 1)


def test_it_is_asked_for_while_the_request_is_held(journal: PostgresJournal) -> None:
    journal.requests.accept(Request("slash:1", "take"))
    with journal.requests.claim("slash:1") as claim:
        assert claim is not None
        assert journal.jobs.hold("prod", TAKE, "slash:1", "U").request_id == "slash:1"
        assert ask(journal, "slash:2").request_id == "slash:1"
        claim.finish()
    assert ask(journal, "slash:3").request_id == "slash:3"


def test_of_many_at_once_one_has_it(journal: PostgresJournal) -> None:
    with ThreadPoolExecutor(10) as threads:
        holders = set(threads.map(lambda number: ask(journal, f"slash:{number}").request_id, range(10)))
    assert len(holders) == 1

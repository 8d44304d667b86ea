"""Jobs: one of each kind per environment, for as long as the request that holds it is unfinished; one owner each."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.adapters.journal import PostgresJournal
from bot.domain.jobs import JobHolder, JobKind
from bot.domain.runs import Lease, Step, StepState, WorkKind
from bot.errors import PermanentError
from bot.ports import Request

TAKE, VERIFY = JobKind.TAKE, JobKind.VERIFY
STEP = Step("take", 0, "Take it")


def ask(journal: PostgresJournal, request_id: str, user: str = "U0ONCALL") -> JobHolder:
    journal.requests.accept(Request(request_id, "take"))
    return journal.jobs.hold("prod", TAKE, request_id, user)


def finish(journal: PostgresJournal, request_id: str) -> None:
    with journal.requests.claim(request_id) as claim:
        assert claim is not None
        claim.finish()


def test_the_first_has_it_and_the_second_hears_who(journal: PostgresJournal) -> None:
    first, second = ask(journal, "slash:1", "U0ONCALL"), ask(journal, "slash:2", "U0LEADA")
    assert (first.request_id, first.user_id) == ("slash:1", "U0ONCALL")
    assert second == first


def test_other_kinds_and_environments_are_free(journal: PostgresJournal) -> None:
    ask(journal, "slash:1")
    journal.requests.accept(Request("slash:2", "verify"))
    assert journal.jobs.hold("prod", VERIFY, "slash:2", "U").request_id == "slash:2"
    assert journal.jobs.hold("staging", TAKE, "slash:2", "U").request_id == "slash:2"


def test_the_same_request_has_it_again(journal: PostgresJournal) -> None:
    assert ask(journal, "slash:1") == ask(journal, "slash:1")


def test_owners_are_counted_and_find_the_steps_as_they_are(journal: PostgresJournal) -> None:
    first = journal.jobs.take("slash:1", [STEP], "bot:1", 30)
    assert first == Lease(WorkKind.JOB, "slash:1", 1)
    journal.leases.record_step(first, "take", StepState.DONE, "done", {"name": "x"})
    assert journal.jobs.take("slash:1", [STEP], "bot:2", 30) is None, "its owner lives"
    journal.leases.renew(first, 0)
    second = journal.jobs.take("slash:1", [Step("other", 0, "Other")], "bot:2", 30)
    assert second == Lease(WorkKind.JOB, "slash:1", 2)
    (step,) = journal.jobs.steps("slash:1")
    assert (step.key, step.state, step.data) == ("take", StepState.DONE, {"name": "x"})
    with pytest.raises(PermanentError, match="fenced-off"):
        journal.leases.renew(first, 30)


def test_it_is_free_once_the_request_is_finished(journal: PostgresJournal) -> None:
    ask(journal, "slash:1")
    ask(journal, "slash:1")
    finish(journal, "slash:1")
    second = ask(journal, "slash:2")
    assert second.request_id == "slash:2"


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
